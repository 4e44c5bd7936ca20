"""What every room may use: secrets, redaction, addresses, times, HTTP, logs and metrics.

Knows nothing of the product.
"""
