"""A simulated HubSpot, to try things out and for tests: its rules, pages and token responses.

It is independent: it knows scopes, and nothing of attempts, failures and the store.
"""

from oauth_helper.sandbox.application import create_blueprint, create_sandbox_app
from oauth_helper.sandbox.apps import Sandbox, SandboxApp
from oauth_helper.sandbox.state import MemoryState, SandboxState

__all__ = [
    "MemoryState",
    "Sandbox",
    "SandboxApp",
    "SandboxState",
    "create_blueprint",
    "create_sandbox_app",
]
