"""The console's routes: each says who may use it, and no page is reached but through its route."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from starlette.responses import Response

from waypost.domain.users import Role

if TYPE_CHECKING:
    from waypost.web.console.visit import Visit

Handler = Callable[["Visit"], Awaitable[Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleRoute:
    """
    One method of one path below ``/console``.

    ``role`` None: open to everybody. ``needs_account`` False: of use before there is an account. ``bytes_max`` None:
    the limit of ordinary bodies.
    """

    method: Literal["GET", "POST"]
    path: str
    handle: Handler
    role: Role | None
    needs_account: bool = True
    bytes_max: int | None = None


def page(path: str, handle: Handler, role: Role | None = Role.VIEWER, *, needs_account: bool = True) -> ConsoleRoute:
    """Return a route that shows something and changes nothing."""
    return ConsoleRoute(method="GET", path=path, handle=handle, role=role, needs_account=needs_account)


def action(
    path: str, handle: Handler, role: Role | None, *, needs_account: bool = True, bytes_max: int | None = None
) -> ConsoleRoute:
    """Return a route that takes a form; searches for numbers are forms too, since numbers stay out of URLs."""
    return ConsoleRoute(
        method="POST", path=path, handle=handle, role=role, needs_account=needs_account, bytes_max=bytes_max
    )


class Page(Protocol):
    """A module's part of the console."""

    def routes(self) -> list[ConsoleRoute]:
        """Return its routes."""
