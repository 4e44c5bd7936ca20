"""What goes wrong between a client of the OAuth proxy and this program, rather than at HubSpot."""

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
    """What a client did, or the person on its behalf."""

    WRONG_SECRET = "wrong_secret"  # noqa: S105 - the name of a mistake
    WRONG_REDIRECT_URI = "wrong_redirect_uri"
    WRONG_VERIFIER = "wrong_verifier"
    OTHER_CLIENT = "other_client"
    CODE_REUSED = "used_twice"
    NEVER_FETCHED = "never_fetched"
    UNKNOWN_SCOPES = "unknown_scopes"
    DECLINED_HERE = "declined_here"


def client_error_wording(client_error: str) -> Wording:
    """What is said about a mistake, in the place of what is said about its cause."""
    return read_wording(_tables()[client_error])


def from_client_error(evidence: Evidence) -> Diagnosis:
    """The one cause: nothing has to be guessed at here."""
    table = _tables()[evidence.client_error]
    why = table["why"].format_map(names_for(evidence.client, evidence.client_error_scopes))
    return Diagnosis((Candidate(Cause(table["cause"]), why),), evidence.client_error_scopes)


def names_for(client: str, scopes: Sequence[str]) -> dict[str, str]:
    """What stands for the names in texts about a client."""
    return {
        "client": client or "The client",
        "scopes": ", ".join(scopes) or "the scopes concerned",
    }


@lru_cache(maxsize=1)
def _tables() -> Mapping[str, Mapping[str, Any]]:
    text = resources.files(__package__).joinpath("client_errors.toml").read_text("utf-8")
    return tomllib.loads(text)
