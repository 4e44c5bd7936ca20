"""Both OAuth roles: `client` towards HubSpot, `server` towards proxy clients.

It knows neither Flask nor Redis.
"""
