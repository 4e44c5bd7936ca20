"""One script for the keys of many days, in one round trip where that goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import redis

from oauth_helper.storage.client import Client, is_cluster


class ScriptForDays:
    """A Lua script that reads the keys of one day. Raises redis-py's errors."""

    def __init__(self, client: Client, text: str) -> None:
        self._client = client
        self._script = client.register_script(text)

    def run(self, calls: Sequence[tuple[Sequence[str], Sequence[object]]]) -> list[Any]:
        """Its answers to calls, each with its keys and its arguments."""
        # The pipeline of a Cluster takes no scripts.
        if is_cluster(self._client):
            return [
                self._script(keys=list(keys), args=cast("Any", list(arguments)))
                for keys, arguments in calls
            ]
        with self._client.pipeline(transaction=False) as pipeline:
            for keys, arguments in calls:
                pipeline.evalsha(self._script.sha, len(keys), *keys, *cast("Any", arguments))
            try:
                return pipeline.execute()
            except redis.exceptions.NoScriptError:
                self._client.script_load(cast("str", self._script.script))
        return self.run(calls)
