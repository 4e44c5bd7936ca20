"""Read authorization responses (RFC 6749 section 4.1.2), which come to the redirection endpoint.

Everything in them is hostile until the caller has checked state and browser.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

#: Longer values are cut or rejected: real ones are much shorter.
MAX_CODE = 2048
MAX_ERROR = 100
MAX_DESCRIPTION = 2000


@dataclass(frozen=True, slots=True)
class Code:
    """Consent was given. `iss` is the issuer that the response names (RFC 9207), if it does."""

    code: str
    iss: str | None = None


@dataclass(frozen=True, slots=True)
class Declined:
    """An error came back (RFC 6749 section 4.1.2.1). Both texts are capped, and not trustworthy.

    HubSpot documents `error` and `error_description`, but no list of codes, so any is accepted.
    """

    error: str
    description: str = ""
    iss: str | None = None


@dataclass(frozen=True, slots=True)
class Malformed:
    """Neither a code nor an error, or a parameter more than once (RFC 6749 section 3.1)."""

    why: str
    iss: str | None = None


AuthorizationResponse = Code | Declined | Malformed


def single(parameters: Mapping[str, Sequence[str]], name: str) -> str | None:
    """Return the value of a parameter; None when it is absent, empty or repeated."""
    values = parameters.get(name, ())
    return values[0] if len(values) == 1 and values[0] else None


def read_authorization_response(
    parameters: Mapping[str, Sequence[str]],
) -> AuthorizationResponse:
    """Return the response in query parameters, which are lists of values by name."""
    iss = single(parameters, "iss")
    for name in ("code", "error", "error_description", "iss"):
        if len(parameters.get(name, ())) > 1:
            return Malformed(f"the parameter {name} is there more than once", iss)
    if error := single(parameters, "error"):
        description = single(parameters, "error_description") or ""
        return Declined(error[:MAX_ERROR], description[:MAX_DESCRIPTION], iss)
    code = single(parameters, "code")
    if code is None:
        return Malformed("it has neither a code nor an error", iss)
    if len(code) > MAX_CODE or not code.isascii() or not code.isprintable():
        return Malformed("its code is no code", iss)
    return Code(code, iss)
