"""The control API under /sandbox/ and its home page."""

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Route

from waypost.sandbox.control_admin import AdminControl
from waypost.sandbox.control_errors import ControlError, refuse, refuse_unknown
from waypost.sandbox.control_groups import GroupControl
from waypost.sandbox.control_phones import PhoneControl
from waypost.sandbox.handset import Handset
from waypost.sandbox.home import HomePage

if TYPE_CHECKING:
    from waypost.sandbox.app import Sandbox


def build_control(sandbox: "Sandbox") -> Starlette:
    """Return the control application; its paths begin with /sandbox."""
    phones, admin, home = PhoneControl(sandbox), AdminControl(sandbox), HomePage(sandbox)
    groups, group = GroupControl(sandbox), "/sandbox/groups/{group}"
    phone = "/sandbox/phones/{number}"
    handset, pages = Handset(sandbox), "/sandbox/handset"
    routes = [
        Route("/sandbox", home.page),
        Route("/sandbox/", home.page),
        Route("/sandbox/style.css", home.style),
        Route("/sandbox/icon.svg", home.icon),
        Route("/sandbox/status", admin.status),
        Route("/sandbox/phones", phones.list_phones),
        Route(phone, phones.show),
        Route(phone, phones.change, methods=["PUT"]),
        Route(f"{phone}/messages", phones.read_messages),
        Route(f"{phone}/messages", phones.write, methods=["POST"]),
        Route(f"{phone}/read", phones.read, methods=["POST"]),
        Route(f"{phone}/windows", phones.close_windows, methods=["DELETE"]),
        Route("/sandbox/media/{media_id}", _Raw(phones.media)),
        Route("/sandbox/groups", groups.list_groups),
        Route(group, groups.show),
        Route(group, groups.change, methods=["PUT"]),
        Route(f"{group}/join", groups.join, methods=["POST"]),
        Route(f"{group}/leave", groups.leave, methods=["POST"]),
        Route(f"{group}/window", groups.close_window, methods=["DELETE"]),
        Route(pages, handset.to_page),
        Route(f"{pages}/", handset.page),
        Route(f"{pages}/static/{{name}}", handset.static),
        Route(f"{pages}/directory", handset.directory),
        Route(f"{pages}/phones/{{number}}/messages", handset.thread),
        Route(f"{pages}/linked/{{wamid}}/{{place:int}}", _Raw(handset.linked)),
        Route(f"{pages}/live", _Raw(handset.live)),
        Route("/sandbox/numbers", admin.list_numbers),
        Route("/sandbox/numbers/{phone_number_id}", admin.show_number),
        Route("/sandbox/numbers/{phone_number_id}", admin.put_number, methods=["PUT"]),
        Route("/sandbox/tokens/{token:path}", admin.put_token, methods=["PUT"]),
        Route("/sandbox/templates", admin.list_templates),
        Route("/sandbox/templates/{template_id}", admin.put_template, methods=["PUT"]),
        Route("/sandbox/faults", admin.list_faults),
        Route("/sandbox/faults", admin.add_fault, methods=["POST"]),
        Route("/sandbox/faults", admin.delete_faults, methods=["DELETE"]),
        Route("/sandbox/faults/{rule_id}", admin.show_fault),
        Route("/sandbox/faults/{rule_id}", admin.delete_fault, methods=["DELETE"]),
        Route("/sandbox/ledger", admin.ledger),
        Route("/sandbox/ledger", admin.clear_ledger, methods=["DELETE"]),
        Route("/sandbox/ledger/starts", admin.starts),
    ]
    handlers = {ControlError: refuse, HTTPException: refuse_unknown}
    return Starlette(routes=routes, exception_handlers=handlers)


class _Raw:
    """Mark a plain ASGI callable for Starlette, which takes functions and methods for request handlers."""

    def __init__(self, app: object) -> None:
        self._app = app

    async def __call__(self, scope: object, receive: object, send: object) -> None:
        await self._app(scope, receive, send)  # type: ignore[operator]
