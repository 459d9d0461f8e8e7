"""The console's menu: what there is, in which order, and who sees it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from waypost.domain.users import Role
from waypost.web.console.context import PREFIX

if TYPE_CHECKING:
    from waypost.web.console.visit import Visit


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    path: str
    title: str
    role: Role = Role.VIEWER


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A line of the menu."""

    path: str
    title: str
    is_current: bool


_GROUPS: Final[tuple[tuple[str, tuple[_Entry, ...]], ...]] = (
    (
        "Traffic",
        (
            _Entry(path="/", title="Overview"),
            _Entry(path="/messages", title="Messages"),
            _Entry(path="/conversations", title="Conversations"),
            _Entry(path="/compose", title="Compose", role=Role.OPERATOR),
            _Entry(path="/bulk", title="Bulk sends"),
        ),
    ),
    (
        "Set-up",
        (
            _Entry(path="/sources", title="Sources"),
            _Entry(path="/templates", title="Templates"),
            _Entry(path="/media", title="Media"),
            _Entry(path="/consent", title="Consent"),
            _Entry(path="/webhooks", title="Webhooks"),
            _Entry(path="/keys", title="Keys"),
        ),
    ),
    (
        "Installation",
        (
            _Entry(path="/audit", title="Audit log"),
            _Entry(path="/users", title="Users", role=Role.ADMIN),
            _Entry(path="/settings", title="Settings", role=Role.ADMIN),
            _Entry(path="/sandbox", title="Sandbox"),
        ),
    ),
)


def navigation(visit: "Visit") -> Sequence[tuple[str, Sequence[Link]]]:
    """Return the groups of the menu with the links that this visitor may follow."""
    here = visit.path.removeprefix(PREFIX)
    has_sandbox = visit.console.manage.settings.sandbox_url is not None
    return [
        (
            title,
            [
                Link(path=PREFIX + entry.path, title=entry.title, is_current=_is_current(entry.path, here))
                for entry in entries
                if visit.may(entry.role) and (has_sandbox or entry.path != "/sandbox")
            ],
        )
        for title, entries in _GROUPS
    ]


def _is_current(path: str, here: str) -> bool:
    return here in ("", "/") if path == "/" else here == path or here.startswith(path + "/")
