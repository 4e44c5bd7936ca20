"""Entry: the pages and the JSON API, one blueprint for each audience."""
