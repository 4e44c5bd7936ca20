"""A failed connection as a value: its record, its triage by staff, search, statistics, export.

It knows neither how failures are stored nor how they are shown.
"""
