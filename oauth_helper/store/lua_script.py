"""Lua scripts, which Redis runs in one step."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from redis.exceptions import NoScriptError

from oauth_helper.store.redis import Client


class LuaScript:
    """A Lua script, called by its hash; a server that doesn't know it yet gets its text."""

    def __init__(self, client: Client, text: str) -> None:
        self._client = client
        self._text = text
        self._sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    def __call__(self, *, keys: Sequence[str], args: Iterable[str]) -> Any:  # noqa: ANN401 - what Lua returns
        """Return the script's answer."""
        arguments = (*keys, *args)
        try:
            return self._client.evalsha(self._sha, len(keys), *arguments)
        except NoScriptError:
            return self._client.eval(self._text, len(keys), *arguments)

    def run_all(self, calls: Sequence[tuple[Sequence[str], Sequence[object]]]) -> list[Any]:
        """Return the answers to several calls, each with its keys and arguments, sent together."""
        try:
            return self._send_all("EVALSHA", self._sha, calls)
        except NoScriptError:
            return self._send_all("EVAL", self._text, calls)

    def _send_all(
        self, command: str, script: str, calls: Sequence[tuple[Sequence[str], Sequence[object]]]
    ) -> list[Any]:
        with self._client.pipeline(transaction=False) as pipeline:
            for keys, arguments in calls:
                # A Cluster's pipeline sends scripts too, but has no methods for them.
                pipeline.execute_command(command, script, len(keys), *keys, *arguments)  # type: ignore[no-untyped-call]
            return pipeline.execute()
