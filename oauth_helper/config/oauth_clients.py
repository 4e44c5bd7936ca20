"""Clients of the OAuth proxy: who may request connections, and where responses go."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, SecretStr, ValidationInfo

from oauth_helper.config.redirect_uri import is_registered, problem_with
from oauth_helper.config.toml_file import TABLE, SettingsError, read_tables, validate_settings
from oauth_helper.config.values import Read, matching, parse_secret_hash, reads

_MAX_REDIRECT_URIS = 50


def _known_profile(name: str, info: ValidationInfo[Collection[str] | None]) -> str:
    if info.context is not None and name not in info.context:
        raise ValueError(f"must be one of {', '.join(info.context)}")
    return name


def _some(redirect_uris: tuple[str, ...]) -> tuple[str, ...]:
    if not 1 <= len(redirect_uris) <= _MAX_REDIRECT_URIS:
        raise ValueError(f"must be a list of 1 to {_MAX_REDIRECT_URIS}")
    return redirect_uris


def _redirect_uri(text: str) -> str:
    if problem := problem_with(text):
        raise ValueError(problem)
    return text


# Form encoding leaves these characters alone, so an id reads the same raw and encoded.
_ID = matching(r"[A-Za-z0-9._-]{1,100}", "must be 1 to 100 of A-Z a-z 0-9 . _ -")
_NAME = matching(
    r"(?![ -])[^\x00-\x1f\x7f]{1,60}(?<![ -])",
    "must be 1 to 60 characters, without blanks or hyphens around them",
)


class OAuthClient(BaseModel):
    """One client: a `[[client]]` table. Without `secret_hash` it is public (RFC 6749 section 2.1).

    `profile` names the HubSpot app that it connects to. `unknown_scopes` says what happens to
    scopes that aren't in the profile's catalogue. `scope_response` says what the `scope` of a token
    response has: the granted scopes (`rfc`), the requested ones (`echo`), or nothing, as at HubSpot
    (`hubspot`). With `consent` off, customers aren't asked before HubSpot.
    """

    model_config = TABLE

    id: Annotated[str, _ID]
    name: Annotated[str, _NAME]
    redirect_uris: Annotated[
        tuple[Annotated[str, AfterValidator(_redirect_uri)], ...],
        Field(strict=False),
        AfterValidator(_some),
    ]
    profile: Annotated[str, Read(_known_profile)]
    secret_hash: Annotated[SecretStr | None, reads(parse_secret_hash)] = None
    unknown_scopes: Literal["refuse", "drop"] = "refuse"
    scope_response: Literal["rfc", "hubspot", "echo"] = "rfc"
    pkce: Literal["optional", "required"] = "optional"
    consent: bool = True

    @property
    def is_public(self) -> bool:
        """Return whether the client can't keep a secret."""
        return self.secret_hash is None

    @property
    def needs_pkce(self) -> bool:
        """Return whether its requests must carry a code challenge (RFC 9700 section 2.1.1)."""
        return self.is_public or self.pkce == "required"

    def has_registered(self, redirect_uri: str) -> bool:
        """Return whether a response may go to `redirect_uri`."""
        return any(is_registered(redirect_uri, each) for each in self.redirect_uris)


def load_clients(path: Path, profiles: Collection[str] | None) -> tuple[OAuthClient, ...]:
    """Return the clients in the TOML file at `path`. Raises `SettingsError`.

    `profiles` are the names that a client may use; None when they can't be read.
    """

    def read(number: str, table: object) -> OAuthClient:
        return validate_settings(OAuthClient, table, profiles, place=f"client {number}: ")

    clients = read_tables(path, "client", "[[client]]", read)
    problems = [
        f"{path}: two clients have the {field} {value!r}"
        for field in ("id", "name")
        for value in _repeated([getattr(client, field) for client in clients])
    ]
    if problems:
        raise SettingsError(problems)
    return clients


def _repeated(values: list[str]) -> list[str]:
    # Regardless of case: staff search by name, and ids that differ only in case are confusing.
    folded = [value.casefold() for value in values]
    return sorted({value for value in values if folded.count(value.casefold()) > 1})
