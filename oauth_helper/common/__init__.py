"""What every other package may use: secrets, redaction, addresses, times, HTTP, logs, metrics.

It knows nothing of HubSpot, scopes or attempts.
"""
