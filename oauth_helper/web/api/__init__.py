"""The JSON API for programs, behind bearer tokens.

It knows nothing of cookies, sessions and pages.
"""
