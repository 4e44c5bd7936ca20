"""HubSpot's OAuth client: start, complete, expire, refresh and revoke connections.

It knows nothing of proxy clients but that an attempt may belong to one.
"""
