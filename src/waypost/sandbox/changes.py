"""Who is told at once that something on a phone, or about phones, has changed."""

from typing import Protocol


class Listener(Protocol):
    """Both are called on the event loop, often, and must return at once; what changed is to be looked up later."""

    def message_changed(self, phone: str, wamid: str) -> None:
        """Hear that a message is new on a phone, or that its ticks, or what became of it, are others."""

    def directory_changed(self) -> None:
        """Hear that there is a new or changed phone, business number or group."""


class Changes:
    """Tell all listeners; costs next to nothing while nobody listens, as when the sandbox is measured."""

    def __init__(self) -> None:
        self._listeners: tuple[Listener, ...] = ()

    def add(self, listener: Listener) -> None:
        self._listeners = (*self._listeners, listener)

    def remove(self, listener: Listener) -> None:
        """Tell a listener nothing any more; a second call does nothing."""
        self._listeners = tuple(one for one in self._listeners if one is not listener)

    def message(self, phone: str, wamid: str) -> None:
        for listener in self._listeners:
            listener.message_changed(phone, wamid)

    def directory(self) -> None:
        for listener in self._listeners:
            listener.directory_changed()
