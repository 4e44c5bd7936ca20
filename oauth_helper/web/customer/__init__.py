"""The customer's pages: start, callback, and what became of the attempt.

It knows nothing of staff, and reads no record but through the attempt that this browser began.
"""
