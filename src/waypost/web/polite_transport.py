"""The transport as uvicorn's protocol sees it, and what it knows of its client."""

import array
import asyncio
import fcntl
import termios
from typing import Protocol


class Closing(Protocol):
    """A connection that knows how to close so that its client gets to read the answer."""

    @property
    def is_closing(self) -> bool: ...
    def close_politely(self) -> None: ...


class PoliteTransport:
    """
    The transport as uvicorn sees it: closing one that has unread input would send a reset, and the client would lose
    the answer that it was about to read. Such a connection is half-closed first, and read out for a while.
    """

    __slots__ = (
        "_protocol", "_transport", "abort", "can_write_eof", "get_extra_info", "get_write_buffer_size", "pause_reading",
        "resume_reading", "write", "write_eof",
    )  # fmt: skip

    def __init__(self, transport: asyncio.Transport, protocol: Closing) -> None:
        self._transport = transport
        self._protocol = protocol
        self.write = transport.write
        self.write_eof = transport.write_eof
        self.can_write_eof = transport.can_write_eof
        self.abort = transport.abort
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading
        self.get_extra_info = transport.get_extra_info
        self.get_write_buffer_size = transport.get_write_buffer_size

    def is_closing(self) -> bool:
        return self._protocol.is_closing

    def close(self) -> None:
        self._protocol.close_politely()

    def close_now(self) -> None:
        self._transport.close()


def unacknowledged_bytes(transport: asyncio.Transport) -> int:
    """Return how much of what was written the other side has not taken yet (Linux: SIOCOUTQ, see tcp(7))."""
    answer = array.array("i", [0])
    try:
        fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, answer)
    except OSError:
        return 0
    return answer[0]
