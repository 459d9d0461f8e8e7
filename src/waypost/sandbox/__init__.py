"""A pretend Meta: Graph API, webhooks and phones. It imports nothing else of this package, on purpose."""

from waypost.sandbox.app import Sandbox, build_sandbox
from waypost.sandbox.inspector import Inspector, InspectorSettings
from waypost.sandbox.server import serve
from waypost.sandbox.settings import SandboxSettings

__all__ = [
    "Inspector",
    "InspectorSettings",
    "Sandbox",
    "SandboxSettings",
    "build_sandbox",
    "serve",
]
