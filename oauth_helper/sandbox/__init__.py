"""A simulated HubSpot, to try out and to test with: its rules, pages and token responses.

It knows scopes, but neither attempts, failures nor the store.
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
