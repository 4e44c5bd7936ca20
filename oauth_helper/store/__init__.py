"""What is stored in Redis (or Valkey), the embedded server, and the outbox for outages of Redis.

The only room that knows Redis; `keys.py` lists every key. It knows neither HTTP nor OAuth's flows.
"""
