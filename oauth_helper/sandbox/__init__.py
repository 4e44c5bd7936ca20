"""A HubSpot of our own, for trying out and for tests: same rules, same pages, same token bodies."""

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
