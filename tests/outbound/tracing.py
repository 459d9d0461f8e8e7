"""What sockets a test connected, seen by an audit hook: no library can connect unseen."""

import sys
from collections.abc import Iterator

import pytest


class ConnectTrace:
    """The addresses connected to while it is on."""

    def __init__(self) -> None:
        self.is_on = False
        self.connected: list[tuple[object, ...]] = []
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.is_on and event == "socket.connect" and isinstance(arguments[1], tuple):
            self.connected.append(arguments[1])


@pytest.fixture(scope="session")
def _trace() -> ConnectTrace:
    # An audit hook cannot be removed, so there is one for the whole run.
    return ConnectTrace()


@pytest.fixture
def connects(_trace: ConnectTrace) -> Iterator[list[tuple[object, ...]]]:
    """List the addresses that this test's code connected to."""
    _trace.connected.clear()
    _trace.is_on = True
    yield _trace.connected
    _trace.is_on = False
