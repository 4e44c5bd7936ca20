"""Write attempt events to Redis, and queue them on disk while Redis is down."""
