"""The Valkey server that the program starts when REDIS_URL is empty."""
