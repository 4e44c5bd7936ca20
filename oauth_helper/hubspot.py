"""Adapter: HubSpot's token endpoint, introspection and revocation over HTTP."""

from __future__ import annotations

import time

from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)

from oauth_helper.oauth.token_response import (
    Introspected,
    TokenResponse,
    Unavailable,
    read_introspection,
    read_token_response,
)
from oauth_helper.outgoing import Answer, Outgoing, Timeouts, TooMuchError

# Seconds to wait before the one retry, unless the answer asks for more; a person is waiting.
_PAUSE = 0.3
_LONGEST_PAUSE = 2.0

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class HubSpot:
    """HubSpot's OAuth API. Its methods return what came back, and never raise for what did not."""

    def __init__(self, api_url: str, api_version: str, timeouts: Timeouts | None = None) -> None:
        self._token_endpoint = f"{api_url}/oauth/{api_version}/token"
        self._outgoing = Outgoing(timeouts)

    def exchange(self, form: str) -> TokenResponse:
        """The token endpoint's answer to a form.

        Asks once more after a transient failure in which the code cannot have been used up.
        """
        answer = self._ask(form)
        if isinstance(answer, Unavailable) and answer.code_unused:
            pause = answer.retry_after if answer.retry_after is not None else _PAUSE
            if pause <= _LONGEST_PAUSE:
                time.sleep(pause)
                answer = self._ask(form)
        return answer

    def introspect(self, form: str) -> Introspected | None:
        """What introspection says of a token; None when it says nothing that can be used."""
        try:
            answer = self._post(f"{self._token_endpoint}/introspect", form)
        except (HTTPError, TooMuchError):
            return None
        return read_introspection(answer.status, answer.body)

    def revoke(self, form: str) -> bool:
        """Whether HubSpot confirmed the revocation (RFC 7009)."""
        try:
            answer = self._post(f"{self._token_endpoint}/revoke", form)
        except (HTTPError, TooMuchError):
            return False
        return answer.status in (200, 204)

    def close(self) -> None:
        """Closes the connections that are kept open."""
        self._outgoing.close()

    def _ask(self, form: str) -> TokenResponse:
        try:
            answer = self._post(self._token_endpoint, form)
        except (NewConnectionError, ConnectTimeoutError, SSLError) as error:
            return Unavailable(f"no connection ({type(error).__name__})", code_unused=True)
        except ReadTimeoutError:
            return Unavailable("no answer in time")
        except TooMuchError:
            return Unavailable("the answer is far too long or far too slow")
        except HTTPError as error:
            return Unavailable(f"the connection broke ({type(error).__name__})")
        return read_token_response(answer.status, answer.headers, answer.body)

    def _post(self, url: str, form: str) -> Answer:
        return self._outgoing.ask("POST", url, headers=_FORM, body=form)
