"""oauth_helper."""
