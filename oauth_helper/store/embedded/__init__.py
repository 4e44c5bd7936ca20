"""The Valkey server that the program starts when REDIS_URL is empty.

It knows nothing of what is stored.
"""
