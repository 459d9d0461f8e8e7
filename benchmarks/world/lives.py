"""
Whole lives, in a closed loop: a message is accepted, sent, reported on three times, and told of three times.

The loop plays the caller, the provider and the customer. So many messages are under way at any time; the last notice of
one begins the next, so that no backlog can grow and hide a slow part.
"""

import asyncio
import hashlib
import hmac
import itertools
import time
from array import array
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

from benchmarks.world.wire import ClientProtocol, post

STATUSES: Final = (b"sent", b"delivered", b"read")
_SENT: Final = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
_SENT_BODY: Final = (
    b'{"messaging_product":"whatsapp","contacts":[{"input":"+12025550143","wa_id":"12025550143"}],'
    b'"messages":[{"id":"%s"}]}'
)
_NOTED: Final = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
_STATUS: Final = (
    b'{"object":"whatsapp_business_account","entry":[{"id":"w","changes":[{"field":"messages","value":{'
    b'"messaging_product":"whatsapp","metadata":{"display_phone_number":"12025550199","phone_number_id":"%s"},'
    b'"statuses":[{"id":"%s","status":"%s","timestamp":"%d","recipient_id":"12025550143",'
    b'"biz_opaque_callback_data":"%s"}]}}]}]}'
)
_TOKEN: Final = b'"biz_opaque_callback_data":"'


class _Pool:
    """Kept connections to one port; what finds none free waits its turn."""

    def __init__(self, *, connections: int) -> None:
        self._connections = connections
        self._free: list[ClientProtocol] = []
        self._queue: deque[tuple[bytes, Any]] = deque()
        self.failed = 0

    async def open(self, port: int, on_done: Any) -> None:
        def answered(client: ClientProtocol, is_ok: bool, body: bytes) -> None:  # noqa: FBT001
            context = client.context
            if client.transport is not None:
                if self._queue:
                    request, client.context = self._queue.popleft()
                    client.send(request)
                else:
                    self._free.append(client)
            if not is_ok:
                self.failed += 1
            on_done(context, is_ok, body)

        loop = asyncio.get_running_loop()
        for _ in range(self._connections):
            _, client = await loop.create_connection(lambda: ClientProtocol(answered), "127.0.0.1", port)
            self._free.append(client)

    def send(self, request: bytes, context: Any) -> None:
        if self._free:
            client = self._free.pop()
            client.context = context
            client.send(request)
        else:
            self._queue.append((request, context))

    def close(self) -> None:
        for client in self._free:
            if client.transport is not None:
                client.transport.close()


class Lives:
    """One run against one gateway."""

    def __init__(
        self, requests: Sequence[bytes], *, hook_paths: dict[str, str], app_secret: str, under_way: int
    ) -> None:
        """`hook_paths`: by the number's id at the provider, the path of the gateway's webhook for it."""
        self._requests = itertools.cycle(requests)
        self._hooks = {number.encode(): path for number, path in hook_paths.items()}
        self._secret = app_secret.encode()
        self._under_way = under_way
        self._callers = _Pool(connections=min(under_way, 128))
        self._provider = _Pool(connections=64)
        self._is_running = False
        self._sends = 0
        self._started = 0
        self._accepted = 0
        self._notices = 0
        self._ended = array("d")
        self._idle = asyncio.Event()

    def handle(self, head: bytes, body: bytes) -> bytes:
        """Answer the gateway: a send, or a notice."""
        if head.startswith(b"POST /hook/"):
            self._notices += 1
            if b'"status":"read"' in body:
                self._end()
            return _NOTED
        number = head.split(b"/", 3)[2]
        start = body.index(_TOKEN) + len(_TOKEN)
        token = body[start : body.index(b'"', start)]
        self._sends += 1
        wamid = b"wamid.HBgLMTIwMjU1NTAxNDMVAgARGBI%024d" % self._sends
        self._report(number, wamid, token, 0)
        answer = _SENT_BODY % wamid
        return _SENT % (len(answer), answer)

    async def run(self, *, port: int, seconds: float) -> dict[str, Any]:
        """Let messages live for so long, then let those under way come to their end."""
        await self._callers.open(port, self._accept_done)
        await self._provider.open(port, self._status_done)
        cpu, started = time.process_time(), time.perf_counter()
        self._is_running = True
        for _ in range(self._under_way):
            self._begin()
        await asyncio.sleep(seconds)
        self._is_running = False
        stopped = time.perf_counter()
        share = (time.process_time() - cpu) / (stopped - started)
        try:
            async with asyncio.timeout(15):
                await self._idle.wait()
        except TimeoutError:
            pass
        self._callers.close()
        self._provider.close()
        lead = started + min(1.0, seconds / 4)
        steady = sum(1 for at in self._ended if lead <= at <= stopped)
        return {
            "rate": steady / (stopped - lead),
            "count": len(self._ended),
            "accepted": self._accepted,
            "sends": self._sends,
            "notices": self._notices,
            "failed": self._callers.failed + self._provider.failed,
            "seconds": stopped - started,
            "generator_share": share,
        }

    def _begin(self) -> None:
        self._started += 1
        self._callers.send(next(self._requests), None)

    def _end(self) -> None:
        self._ended.append(time.perf_counter())
        if self._is_running:
            self._begin()
        elif len(self._ended) >= self._accepted:
            self._idle.set()

    def _accept_done(self, _context: Any, is_ok: bool, _body: bytes) -> None:  # noqa: FBT001
        self._accepted += is_ok

    def _report(self, number: bytes, wamid: bytes, token: bytes, place: int) -> None:
        body = _STATUS % (number, wamid, STATUSES[place], int(time.time()), token)
        signature = hmac.digest(self._secret, body, hashlib.sha256).hex()
        request = post(self._hooks[number], body, f"x-hub-signature-256: sha256={signature}\r\n")
        self._provider.send(request, (number, wamid, token, place))

    def _status_done(self, context: Any, _is_ok: bool, _body: bytes) -> None:  # noqa: FBT001
        number, wamid, token, place = context
        if place + 1 < len(STATUSES):
            self._report(number, wamid, token, place + 1)
