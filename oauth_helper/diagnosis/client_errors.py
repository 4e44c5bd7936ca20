"""Errors between a client of the OAuth proxy and this program, rather than at HubSpot."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from importlib import resources
from typing import Any

from oauth_helper.diagnosis.causes import Cause, Wording, read_wording
from oauth_helper.diagnosis.evidence import Candidate, Diagnosis, Evidence


class ClientError(StrEnum):
    """What a client did wrong, or the customer decided on its behalf."""

    WRONG_SECRET = "wrong_secret"  # noqa: S105 - the name of an error
    WRONG_REDIRECT_URI = "wrong_redirect_uri"
    WRONG_VERIFIER = "wrong_verifier"
    OTHER_CLIENT = "other_client"
    CODE_REUSED = "used_twice"
    NEVER_FETCHED = "never_fetched"
    UNKNOWN_SCOPES = "unknown_scopes"
    DECLINED_HERE = "declined_here"


def client_error_wording(client_error: str) -> Wording:
    """Return the words for a client's error, instead of those for its cause."""
    return read_wording(_tables()[client_error])


def from_client_error(evidence: Evidence) -> Diagnosis:
    """Return the one cause: this program knows what it rejected."""
    table = _tables()[evidence.client_error]
    scopes = evidence.client_error_scopes
    why = table["why"].format_map(names_for(evidence.client, scopes))
    return Diagnosis((Candidate(Cause(table["cause"]), why, scopes),))


def names_for(client: str, scopes: Sequence[str]) -> dict[str, str]:
    """Return what the names in texts about a client stand for."""
    return {
        "client": client or "The client",
        "scopes": ", ".join(scopes) or "unknown scopes",
    }


@lru_cache(maxsize=1)
def _tables() -> Mapping[str, Mapping[str, Any]]:
    text = resources.files(__package__).joinpath("client_errors.toml").read_text("utf-8")
    return tomllib.loads(text)
