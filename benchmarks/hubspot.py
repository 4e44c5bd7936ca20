"""Run the sandbox as HubSpot for drills, in its own process.

Usage: `python -m benchmarks.hubspot PORT URL`.
"""

from __future__ import annotations

import logging
import sys

from werkzeug.serving import make_server

from oauth_helper.sandbox import MemoryState, Sandbox, SandboxApp, create_sandbox_app
from oauth_helper.scopes import AppConfiguration, Kind, shipped_catalogue

CLIENT_ID = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
CLIENT_SECRET = "of-a-drill"  # noqa: S105


def main(port: int, public_url: str) -> None:
    """Serve a HubSpot with one app, whose redirect URL belongs to the program at `public_url`."""
    catalogue = shipped_catalogue()
    app = SandboxApp(
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        title="Workato",
        configuration=AppConfiguration(
            required=catalogue.of_kind(Kind.REQUIRED),
            optional=catalogue.of_kind(Kind.OPTIONAL),
            redirect_urls=(f"{public_url}/callback/workato",),
        ),
    )
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    # A customer who waits for Redis returns with an old code.
    sandbox = Sandbox([app], MemoryState(), code_lifetime=600)
    make_server("127.0.0.1", port, create_sandbox_app(sandbox), threaded=True).serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
