"""Core: the OAuth messages between browser, HubSpot and the helper, as values. Pure."""
