"""The one ASGI application of the gateway: which part answers which path."""

import contextlib

from waypost.contract.replies import three_key
from waypost.domain.links import LINK_PATH
from waypost.observe import get_logger
from waypost.web.api_v2.router import normalise_path
from waypost.web.exchange import AsgiApp, Receive, Scope, Send, answer, answer_reply
from waypost.web.operations import PATHS as OPERATIONS_PATHS

WEBHOOK_PREFIX = "/webhooks/cloud_api/"
CONSOLE_PATH = "/console"
ROOT_PATHS = frozenset({"/settings", "/stats", "/messages", "/summary_stats"})
"""What the contract has at the root, beside its paths under ``/api``."""


class GatewayApp:
    """
    Hands a request to the contract's API, the provider's webhooks, tracked links, the console, the manage API or
    operations.

    A part that is None is not served by this process (its role is not among the roles, or it has a port of its own).
    """

    def __init__(
        self,
        *,
        api: AsgiApp | None,
        receiver: AsgiApp | None,
        manage: AsgiApp | None,
        operations: AsgiApp | None,
        links: AsgiApp | None = None,
        console: AsgiApp | None = None,
    ) -> None:
        self._api = api
        self._receiver = receiver
        self._manage = manage
        self._operations = operations
        self._links = links
        self._console = console
        self._log = get_logger("web")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        app = self._part_of(scope["path"])
        if app is None:
            await answer_reply(send, three_key(404))
            return
        try:
            await app(scope, receive, send)
        except Exception:  # noqa: BLE001 - the outer edge of a request
            # The last resort: a defect is logged once, with its trace, and the caller gets no detail.
            self._log.exception("web.defect", path_part=scope["path"].split("/")[1:3], method=scope["method"])
            # Where an answer had begun already the server refuses another, and closes the connection.
            with contextlib.suppress(RuntimeError):
                await answer(send, 500, b'{"error":"Internal Server Error","message":"Internal error","status":500}')

    def _part_of(self, path: str) -> AsgiApp | None:
        if path.startswith(("/api/", "//api/")):
            return self._api
        if path.startswith(WEBHOOK_PREFIX):
            return self._receiver
        if path in ("/", CONSOLE_PATH) or path.startswith(f"{CONSOLE_PATH}/"):
            return self._console
        if path.startswith(LINK_PATH):
            return self._links
        if normalise_path(path) in ROOT_PATHS:
            return self._api
        if path.rstrip("/") in OPERATIONS_PATHS:
            return self._operations
        return self._manage
