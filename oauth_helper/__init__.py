"""Connect customers to HubSpot, follow each attempt to its end, and explain failures.

`create_app` makes the WSGI application; `app.py` wires it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from oauth_helper.common.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from oauth_helper.config.settings import Settings

__version__ = VERSION


def create_app(config: Settings, *, clock: Callable[[], float] | None = None) -> Flask:
    """Return the WSGI application for `config`; see `oauth_helper.app.create_app`."""
    # Imported here, because every import of the package runs this file, and the command line starts
    # without Flask and Redis.
    from oauth_helper import app

    return app.create_app(config, clock=clock)
