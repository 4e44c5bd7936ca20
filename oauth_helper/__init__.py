"""oauth_helper: connects customers to HubSpot, follows each attempt to its end, explains failures.

`create_app` puts the program together; everything else is in the modules that `assembling` names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from oauth_helper.config.settings import Config

__version__ = "0.1.0"


def create_app(config: Config, *, clock: Callable[[], float] | None = None) -> Flask:
    """The WSGI application for `config`, whose `redis_url` and `secret_keys` have to be there.

    `clock` gives Unix seconds and is the system's unless a test hands in another one.
    """
    # Imported here and not above: whoever imports `oauth_helper.scopes` runs this file too, and the
    # core and the command line are to start without Flask and Redis.
    from oauth_helper.app import assemble

    return assemble(config, clock)
