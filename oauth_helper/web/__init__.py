"""The pages and the JSON API, one blueprint for each audience.

With the sandbox, the only package that knows Flask; it doesn't know Redis.
"""
