"""
The manage API under ``/manage/v1``: accounts, keys, sources, messages, webhooks, and what there is to see.

``ManageContext`` and ``build_manage_app`` are imported on first use: the command line shares this package's rules, and
must not wait for a web framework.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from waypost.web.manage.app import build_manage_app
    from waypost.web.manage.context import ManageContext

__all__ = ["ManageContext", "build_manage_app"]


def __getattr__(name: str) -> Any:
    """Import one of the two public names on first use."""
    match name:
        case "ManageContext":
            from waypost.web.manage.context import ManageContext  # noqa: PLC0415

            return ManageContext
        case "build_manage_app":
            from waypost.web.manage.app import build_manage_app  # noqa: PLC0415

            return build_manage_app
        case _:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
