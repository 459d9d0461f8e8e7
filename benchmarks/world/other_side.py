"""The provider's send endpoint and the customers' webhooks, as fast as they can be: they count, and answer 200."""

import asyncio
import time
from array import array
from typing import Any, Final

NO_TEMPLATES: Final = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{"data":[]}'
_NOTICE_ANSWER: Final = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
_SEND_BODY: Final = (
    b'{"messaging_product":"whatsapp","contacts":[{"input":"+12025550143","wa_id":"12025550143"}],'
    b'"messages":[{"id":"wamid.HBgLMTIwMjU1NTAxNDMVAgARGBI%024d"}]}'
)
_SEND_ANSWER: Final = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(_SEND_BODY % 0)
) + _SEND_BODY


class OtherSide:
    """
    Answers sends (`/v…/{number}/messages`) and notices (`/hook/…`), and notes when each came.

    One count for both: a figure uses one of them.
    """

    def __init__(self) -> None:
        self.arrivals = array("d")
        self.sends = 0
        self._wanted = 0
        self._reached: asyncio.Event = asyncio.Event()
        self._changed = 0.0

    def handle(self, head: bytes, _body: bytes) -> bytes:
        arrivals = self.arrivals
        arrivals.append(time.perf_counter())
        if len(arrivals) == self._wanted:
            self._reached.set()
        if head.startswith(b"POST /hook/"):
            return _NOTICE_ANSWER
        self.sends += 1
        return _SEND_ANSWER % self.sends

    def expect(self, count: int) -> None:
        """Begin to count anew, up to `count`."""
        self.arrivals = array("d")
        self._wanted = count
        self._reached.clear()

    async def wait(self, seconds: float) -> dict[str, Any]:
        """
        Wait until what is expected has come, and return how many came and how fast.

        `rate` is that of the middle: from when a tenth had come until nine tenths had, without the run-up and the end.
        """
        try:
            async with asyncio.timeout(seconds):
                await self._reached.wait()
        except TimeoutError:
            pass
        count = len(self.arrivals)
        first, last = count // 10, count * 9 // 10
        if count < 10:
            return {"count": count, "rate": 0.0, "seconds": 0.0}
        seconds = self.arrivals[last] - self.arrivals[first]
        return {
            "count": count,
            "rate": (last - first) / seconds if seconds > 0 else 0.0,
            "seconds": self.arrivals[-1] - self.arrivals[0],
        }
