"""Which scopes each connection was granted, in a form that many connections can be compared by.

Connections share few sets of scopes, so each is stored once, and compared once.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import cast

from oauth_helper.config.profiles import Profile
from oauth_helper.models import Connection
from oauth_helper.scopes import missing_scopes
from oauth_helper.store import keys
from oauth_helper.store.redis import Client

#: The scopes granted, None if unknown, and those that HubSpot didn't grant when asked.
GrantedSet = tuple[tuple[str, ...] | None, tuple[str, ...]]

#: Whether a connection of a profile, by its name, lacks scopes.
Lacks = Callable[[str, GrantedSet], bool]

#: In a filter: any scope that the profile requests today.
ANY_SCOPE = "any"


def lacked_scopes(profile: Profile, connection: Connection) -> tuple[str, ...]:
    """Return the scopes that the profile requests today and the connection was never asked for."""
    return _lacked(profile, (connection.granted, connection.missing_optional))


def lacks(profiles: Mapping[str, Profile], scope: str | None) -> Lacks | None:
    """Return what tells whether a connection lacks `scope`; None for no scope.

    `ANY_SCOPE` is anything that its profile requests today, except for what the account was asked
    for and didn't grant: asking again wouldn't help. A connection whose scopes or profile are
    unknown lacks nothing, and none lacks a scope that its profile doesn't know.
    """
    if not scope:
        return None

    def is_lacking(name: str, granted: GrantedSet) -> bool:
        profile = profiles.get(name)
        if profile is None or granted[0] is None:
            return False
        if scope == ANY_SCOPE:
            return bool(_lacked(profile, granted))
        is_known = scope in profile.catalogue
        return is_known and bool(missing_scopes([scope], granted[0], profile.catalogue))

    return is_lacking


def _lacked(profile: Profile, granted: GrantedSet) -> tuple[str, ...]:
    if granted[0] is None:
        return ()
    requested = (name for name in profile.usual_request.all if name not in granted[1])
    return missing_scopes(requested, granted[0], profile.catalogue)


class GrantedScopes:
    """The sets in Redis, which `Connections` writes. Methods raise `StoreUnavailableError`."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[str, GrantedSet] = {}

    def of(self, ids: Sequence[str]) -> list[GrantedSet | None]:
        """Return what these connections were granted; None for one that isn't noted."""
        names: dict[str, str | None] = {}
        for profile, theirs in groupby(sorted(ids), key=lambda each: each.partition(".")[0]):
            some = list(theirs)
            found = cast("list[str | None]", self._client.hmget(keys.granted(profile), some))
            names.update(zip(some, found, strict=True))
        sets = self._sets(name for name in names.values() if name)
        return [sets.get(names[each] or "") for each in ids]

    def count_lacking(self, profile: Profile) -> int:
        """Return how many connections of a profile lack a scope that it requests today."""
        names = Counter(cast("list[str]", self._client.hvals(keys.granted(profile.name))))
        sets = self._sets(names)
        return sum(
            count for name, count in names.items() if name in sets and _lacked(profile, sets[name])
        )

    def _sets(self, names: Iterable[str]) -> dict[str, GrantedSet]:
        wanted = [name for name in dict.fromkeys(names) if name not in self._known]
        if wanted:
            found = cast("list[str | None]", self._client.hmget(keys.GRANTED_SETS, wanted))
            for name, text in zip(wanted, found, strict=True):
                if text:
                    granted, declined = json.loads(text)
                    asked = None if granted is None else tuple(granted)
                    self._known[name] = (asked, tuple(declined))
        return self._known
