"""Serve the customer's pages: start, callback, and the outcome of the attempt.

This package knows nothing of staff. It reads only the records of attempts that the same browser
started.
"""
