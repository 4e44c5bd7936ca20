"""Index connections by the scopes that they were granted.

Connections share few sets of scopes, so each set is stored and compared once, with the ids of its
connections.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from oauth_helper.config.profiles import Profile
from oauth_helper.models import Connection
from oauth_helper.scopes import missing_scopes
from oauth_helper.store import keys
from oauth_helper.store.redis import Client

#: The scopes granted, None if unknown, and those that HubSpot didn't grant when asked.
GrantedSet = tuple[tuple[str, ...] | None, tuple[str, ...]]

#: In a filter: any scope that the profile requests today.
ANY_SCOPE = "any"


def lacked_scopes(profile: Profile, connection: Connection) -> tuple[str, ...]:
    """Return the scopes that the profile requests today and the connection was never asked for."""
    return _lacked(profile, (connection.granted, connection.missing_optional))


@dataclass(frozen=True, slots=True)
class Lacks:
    """Whether a connection lacks `scope`.

    `ANY_SCOPE` is anything that its profile requests today, except for what the account was asked
    for and didn't grant: asking again wouldn't help. A connection whose scopes or profile are
    unknown lacks nothing, and none lacks a scope that its profile doesn't know.
    """

    profiles: Mapping[str, Profile]
    scope: str

    def __call__(self, name: str, granted: GrantedSet) -> bool:
        """Return whether a connection of a profile, by its name, lacks it."""
        profile = self.profiles.get(name)
        if profile is None or granted[0] is None:
            return False
        if self.scope == ANY_SCOPE:
            return bool(_lacked(profile, granted))
        is_known = self.scope in profile.catalogue
        return is_known and bool(missing_scopes([self.scope], granted[0], profile.catalogue))


def _lacked(profile: Profile, granted: GrantedSet) -> tuple[str, ...]:
    if granted[0] is None:
        return ()
    requested = (name for name in profile.usual_request.all if name not in granted[1])
    return missing_scopes(requested, granted[0], profile.catalogue)


class GrantedScopes:
    """The index in Redis, which `Connections` writes. Methods raise `StoreUnavailableError`."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[str, GrantedSet] = {}

    def keys(self, names: Iterable[str], lacks: Lacks | None) -> list[str]:
        """Return the keys of the connections of some profiles, or of those that lack scopes."""
        return [
            f"{keys.granted(profile)}:{name}"
            for profile in names
            for name, granted in self._sets(profile)
            if lacks is None or lacks(profile, granted)
        ]

    def count(self, found: Iterable[str]) -> int:
        """Return how many connections some keys have."""
        with self._client.pipeline(transaction=False) as pipeline:
            for key in found:
                pipeline.zcard(key)
            return sum(pipeline.execute())

    def _sets(self, profile: str) -> Iterator[tuple[str, GrantedSet]]:
        key = f"{keys.granted(profile)}:sets"
        names = cast("list[str]", self._client.hkeys(key))
        if new := [name for name in names if name not in self._known]:
            for name, text in zip(new, self._client.hmget(key, new), strict=True):
                if text:
                    granted, declined = json.loads(text)
                    asked = None if granted is None else tuple(granted)
                    self._known[name] = (asked, tuple(declined))
        return ((name, self._known[name]) for name in names if name in self._known)
