"""Compare what was granted with what was requested."""

from __future__ import annotations

from collections.abc import Iterable

from oauth_helper.scopes.catalogue import Catalogue
from oauth_helper.scopes.names import OAUTH


def missing_scopes(
    requested: Iterable[str], granted: Iterable[str], catalogue: Catalogue
) -> tuple[str, ...]:
    """Return the scopes of `requested` that are not in `granted`, in order; never `oauth`.

    Since 2026-09 HubSpot moves apps to granular scopes, and a token may name either kind: all the
    scopes that replace a coarse one count as that one, and it counts as each of them.
    """
    has = {OAUTH, *granted}
    for scope in catalogue.replaced:
        if scope.name in has:
            has.update(scope.replaced_by)
        elif has.issuperset(scope.replaced_by):
            has.add(scope.name)
    return tuple(dict.fromkeys(name for name in requested if name not in has))
