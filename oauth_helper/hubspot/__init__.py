"""What HubSpot expects and sends: authorization requests and responses, tokens, hublets.

It knows neither attempts nor the store.
"""
