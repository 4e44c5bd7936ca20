"""The settings, with the profiles, OAuth clients and staff that they name.

Knows the catalogue and HubSpot's app; not the store, and nothing of HTTP.
"""
