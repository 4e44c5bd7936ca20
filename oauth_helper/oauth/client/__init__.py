"""Act as HubSpot's OAuth client: start, complete, expire, refresh and revoke connections."""
