"""Registered clients of the OAuth proxy: who may ask for connections, and where the answers go."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from oauth_helper.common.secrets import Secret, is_password_hash
from oauth_helper.config.redirect_uri import is_registered, problem_with
from oauth_helper.config.toml_file import problems_of_keys, read_settings_file

UnknownScopes = Literal["refuse", "drop"]
ScopeResponse = Literal["rfc", "hubspot", "echo"]

# What form encoding leaves as it is, so that a client id reads the same raw and encoded.
_ID = re.compile(r"[A-Za-z0-9._-]{1,100}")
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,60}")
_MOST_REDIRECT_URIS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthClient:
    """One client. Without `secret_hash` it is a public one (RFC 6749 section 2.1).

    `name` is what people read, `profile` the name of the HubSpot app that it connects to.
    `unknown_scopes` says what becomes of scopes that the profile's catalogue lacks,
    `scope_response` what the `scope` of a token response holds: the granted scopes (`rfc`), what
    was asked for (`echo`), or nothing, as at HubSpot (`hubspot`). `consent` is False for a client
    of one's own, whose people are not asked before they are sent to HubSpot.
    """

    id: str
    name: str
    redirect_uris: tuple[str, ...]
    profile: str
    secret_hash: Secret | None = None
    unknown_scopes: UnknownScopes = "refuse"
    scope_response: ScopeResponse = "rfc"
    pkce: Literal["optional", "required"] = "optional"
    consent: bool = True

    @property
    def is_public(self) -> bool:
        """Whether it cannot keep a secret."""
        return self.secret_hash is None

    @property
    def needs_pkce(self) -> bool:
        """Whether its requests have to carry a code challenge (RFC 9700 section 2.1.1)."""
        return self.is_public or self.pkce == "required"

    def has_registered(self, redirect_uri: str) -> bool:
        """Whether an answer may go to `redirect_uri`."""
        return any(is_registered(redirect_uri, each) for each in self.redirect_uris)


class ClientsError(ValueError):
    """A clients file that cannot be used. `problems` names each one and its place."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


def load_clients(path: Path, profiles: Collection[str]) -> tuple[OAuthClient, ...]:
    """The clients of the TOML file at `path`; `profiles` are the names there are.

    Raises `ClientsError`.
    """
    document = read_settings_file(path, ClientsError)
    tables = document.get("client")
    if not isinstance(tables, list) or not tables:
        raise ClientsError([f"{path} holds no [[client]] table"])
    problems = [f"{path}: unknown key {key!r}" for key in document if key != "client"]
    readers = [_ClientReader(table, profiles) for table in tables]
    clients = [reader.client() for reader in readers]
    for number, reader in enumerate(readers, 1):
        problems += [f"{path}: client {number}: {problem}" for problem in reader.problems]
    found = tuple(client for client in clients if client)
    problems += [f"{path}: two clients have the id {each!r}" for each in _twice(found, "id")]
    problems += [f"{path}: two clients have the name {each!r}" for each in _twice(found, "name")]
    if problems:
        raise ClientsError(problems)
    return found


def _twice(clients: tuple[OAuthClient, ...], field: str) -> list[str]:
    values = [getattr(client, field) for client in clients]
    # In one case: people search by the name, and an id that differs in case only is a trap.
    folded = [value.casefold() for value in values]
    return sorted({value for value in values if folded.count(value.casefold()) > 1})


_TYPES: dict[str, type] = {
    "id": str,
    "name": str,
    "secret_hash": str,
    "redirect_uris": list,
    "profile": str,
    "unknown_scopes": str,
    "scope_response": str,
    "pkce": str,
    "consent": bool,
}
_NEEDED = ("id", "name", "redirect_uris", "profile")
_CHOICES = {
    "unknown_scopes": ("refuse", "drop"),
    "scope_response": ("rfc", "hubspot", "echo"),
    "pkce": ("optional", "required"),
}


class _ClientReader:
    """Reads one `[[client]]` table and gathers its problems."""

    def __init__(self, table: object, profiles: Collection[str]) -> None:
        self.problems: list[str] = []
        self._profiles = profiles
        self._table: dict[str, Any] = table if isinstance(table, dict) else {}

    def client(self) -> OAuthClient | None:
        """The client, or None when it has problems."""
        self._check_types()
        if not self.problems:
            self._check_values()
        if self.problems:
            return None
        values = dict(self._table)
        hashed = values.pop("secret_hash", None)
        values["redirect_uris"] = tuple(values["redirect_uris"])
        return OAuthClient(**values, secret_hash=Secret(hashed) if hashed else None)

    def _check_types(self) -> None:
        self.problems += problems_of_keys(self._table, _TYPES)
        self.problems += [f"{key} is missing" for key in _NEEDED if key not in self._table]

    def _check_values(self) -> None:
        table = self._table
        if not _ID.fullmatch(table["id"]):
            self.problems.append("id has to be 1 to 100 of A-Z a-z 0-9 . _ -")
        if not _NAME.fullmatch(table["name"]) or table["name"] != table["name"].strip(" -"):
            self.problems.append(
                "name has to be 1 to 60 characters without blanks or hyphens around them"
            )
        if table["profile"] not in self._profiles:
            known = ", ".join(self._profiles)
            self.problems.append(f"profile {table['profile']!r} is not one of {known}")
        for key, choices in _CHOICES.items():
            if table.get(key, choices[0]) not in choices:
                self.problems.append(f"{key} has to be one of {', '.join(choices)}")
        # Not shown: somebody may have put the secret itself there.
        if "secret_hash" in table and not is_password_hash(table["secret_hash"]):
            self.problems.append(
                "secret_hash is not a hash; `python -m oauth_helper hash-password` makes one of a "
                "secret on its standard input"
            )
        self._check_redirect_uris(table["redirect_uris"])

    def _check_redirect_uris(self, redirect_uris: list[str]) -> None:
        if not 1 <= len(redirect_uris) <= _MOST_REDIRECT_URIS:
            self.problems.append(f"redirect_uris has to hold 1 to {_MOST_REDIRECT_URIS}")
        for each in redirect_uris:
            if problem := problem_with(each):
                self.problems.append(f"redirect_uris: {each[:200]!r} {problem}")
