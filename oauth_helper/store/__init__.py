"""Adapter: everything that is kept in Redis (or Valkey), and the embedded server that comes along.

The only place that knows Redis keys; `keys.py` lists them.
"""
