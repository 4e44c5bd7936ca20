"""Write attempt events to Redis, and queue them on disk while Redis is down.

The only way to write about an attempt; it knows nothing of requests.
"""
