"""Represent a client's request and its response as values for Authlib's server framework."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import OAuth2Payload, OAuth2Request

_MAX_DESCRIPTION = 500


class _Parameters(OAuth2Payload):  # type: ignore[misc]  # Authlib has no types
    """The parameters of a request. One without a value counts as absent (RFC 6749 section 3.1)."""

    def __init__(self, parameters: Mapping[str, Sequence[str]]) -> None:
        filled = {name: [each for each in values if each] for name, values in parameters.items()}
        self._values = defaultdict(
            list, {name: values for name, values in filled.items() if values}
        )

    @property
    def data(self) -> dict[str, str]:
        """Return the first value of each parameter."""
        return {name: values[0] for name, values in self._values.items() if values}

    @property
    def datalist(self) -> defaultdict[str, list[str]]:
        """Return every value of each parameter."""
        return self._values


class ServerRequest(OAuth2Request):  # type: ignore[misc]  # Authlib has no types
    """A client's request: the query of the authorization endpoint, or the form of another one.

    `parameters` maps each name to its values. `uri` is the public address of the endpoint.
    """

    def __init__(
        self,
        method: str,
        uri: str,
        parameters: Mapping[str, Sequence[str]],
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(method, uri, headers=headers)
        self.payload = _Parameters(parameters)

    @property
    def form(self) -> dict[str, str]:
        """Return the parameters of a token request, which come only from its body."""
        return self.payload.data

    @property
    def args(self) -> dict[str, str]:
        """Return the parameters of an authorization request."""
        return self.payload.data

    @property
    def repeated(self) -> list[str]:
        """Return the names of repeated parameters, which RFC 6749 section 3.1 forbids."""
        return sorted(name for name, values in self.payload.datalist.items() if len(values) > 1)


@dataclass(slots=True)
class ServerResponse:
    """A response to a client. `location` is the target of a redirect, None without one."""

    status: int
    body: dict[str, object] = field(default_factory=dict)
    headers: list[tuple[str, str]] = field(default_factory=list)
    location: str | None = None

    @property
    def error(self) -> str:
        """Return the error code; empty without an error."""
        return str(self.body.get("error", ""))


class TokenError(OAuth2Error):  # type: ignore[misc]  # Authlib has no types
    """A token endpoint error that isn't the client's fault. RFC 6749 has no code for these.

    `retry_after` is in seconds.
    """

    def __init__(
        self, error: str, description: str, *, status: int, retry_after: int | None = None
    ) -> None:
        super().__init__(
            error=error, description=error_description(description), status_code=status
        )
        self.retry_after = retry_after

    def get_headers(self) -> list[tuple[str, str]]:
        """Return the headers of every error, and Retry-After."""
        headers: list[tuple[str, str]] = super().get_headers()
        if self.retry_after is not None:
            headers.append(("Retry-After", str(self.retry_after)))
        return headers


def error_description(text: str, reference: str = "") -> str:
    """Return `text` as RFC 6749 section 5.2 allows it: ASCII without quotes or backslashes.

    It ends with the `reference`, under which staff find the failure.
    """
    plain = re.sub(r"[\"\\]", "'", text.replace("\u2019", "'"))
    plain = re.sub(r"[^\x20-\x7e]+", "?", plain)[:_MAX_DESCRIPTION]
    return f"{plain} Reference: {reference}" if reference else plain
