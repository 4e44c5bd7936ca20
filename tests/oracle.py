"""HubSpot's placement rules, written down once more and without our code, to compare with."""


def broken_rules(scope, optional_scope, app):
    """What is broken, by code and scope; a missing `oauth` is only a warning."""
    required = {"oauth", *app.required}
    conditional, optional = set(app.conditional), set(app.optional)
    s, p = set(scope), set(optional_scope)
    broken = set()
    for name in required - s:  # rule 1; in P it does not count
        code = "missing_oauth_scope" if name == "oauth" else "url_missing_required_scope"
        broken.add((code, name))
    for name in (s | p) - required - conditional - optional:  # rule 2
        broken.add(("url_requests_unconfigured_scope", name))
    for name in (conditional & p) | (optional & s):  # rules 3 and 4
        broken.add(("scope_in_wrong_parameter", name))
    return broken
