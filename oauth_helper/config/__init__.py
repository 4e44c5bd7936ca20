"""The settings, with the profiles, OAuth clients and staff that they name.

It knows catalogues and app files, but neither the store nor HTTP.
"""
