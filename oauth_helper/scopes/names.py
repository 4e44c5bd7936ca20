"""Scope names: what is legal, how a list of them is read, and what a wrong one may have meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

# RFC 6749 section 3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
_SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")

#: HubSpot adds it to every app as required, and it cannot be removed. As of 2026-11:
#: https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/scopes
OAUTH = "oauth"


def is_scope_token(name: str) -> bool:
    """Whether `name` is a legal scope by RFC 6749 section 3.3."""
    return _SCOPE_TOKEN.fullmatch(name) is not None


def parse_scope(value: str) -> tuple[str, ...]:
    """The names in a `scope` parameter (RFC 6749 section 3.3), in order, each once.

    Any run of white space separates; an empty or blank value holds none. Nothing is checked or
    corrected: commas, for one, stay inside a name, since HubSpot does not split at them either.
    """
    return tuple(dict.fromkeys(value.split()))


def join_scope(names: Iterable[str]) -> str:
    """The value of a `scope` parameter that holds `names` (RFC 6749 section 3.3)."""
    return " ".join(names)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The one of `known` that `name` most likely meant, or None when nothing is near."""
    folded = {candidate.casefold(): candidate for candidate in known}
    # The first is the nearest. 0.8 tells `crm.object.contact.read` from `crm.objects.deals.read`.
    found = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.8)
    return folded[found[0]] if found else None
