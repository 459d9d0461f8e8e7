"""The sandbox's home page."""

import html
from importlib import resources
from string import Template
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from waypost.sandbox.control_errors import PAGE_HEADERS

if TYPE_CHECKING:
    from waypost.sandbox.app import Sandbox

_PHONES_SHOWN_MAX = 50
_INSPECTOR = (
    '<a class="door" href="{root}/inspector/"><strong>Webhook inspector</strong> '
    "<span>what the gateway posts, as it comes in</span></a>"
)


class HomePage:
    """Explain the sandbox in a few lines, with its numbers, its phones and commands to paste."""

    def __init__(self, sandbox: "Sandbox") -> None:
        self._sandbox = sandbox
        pages = resources.files("waypost.sandbox") / "pages"
        self._template = Template((pages / "home.html").read_text())
        self._style = (pages / "style.css").read_text()
        self._icon = (pages / "icon.svg").read_text()

    async def page(self, request: Request) -> Response:
        network = self._sandbox.network
        base_url = html.escape(self._sandbox.base_url_of(request.scope))
        root = urlsplit(base_url).path
        numbers = "".join(
            "<tr>"
            + _cell("Number id", _link(f"{root}/sandbox/numbers/{n.phone_number_id}", n.phone_number_id))
            + _cell("Number", f"+{html.escape(n.display_phone_number)}")
            + _cell("Account", html.escape(n.waba_id))
            + _cell("Status", html.escape(n.status))
            + "</tr>"
            for n in network.numbers.values()
        )
        phones = "".join(
            "<tr>"
            + _cell("Phone", _link(f"{root}/sandbox/handset/?phone={p.number}", f"+{p.number}"))
            + _cell("Name", html.escape(p.name))
            + _cell("State", "online" if p.online else "offline")
            + _cell("Thread", _link(f"{root}/sandbox/phones/{p.number}/messages", _counted(len(p.thread))))
            + "</tr>"
            for p in list(network.phones.values())[:_PHONES_SHOWN_MAX]
        )
        number = next(iter(network.numbers.values()), None)
        phone = next(iter(network.phones), "12025550143")
        text = self._template.substitute(
            base_url=base_url,
            root=root,
            numbers=numbers or '<tr><td colspan="4">None yet.</td></tr>',
            phones=phones or '<tr><td colspan="4">None yet: a phone is made when it is first named.</td></tr>',
            phone=phone,
            number="15550100001" if number is None else number.display_phone_number,
            phone_number_id="110000000000001" if number is None else number.phone_number_id,
            token="TOKEN" if number is None else html.escape(number.access_token),
            inspector=_INSPECTOR.format(root=root) if self._sandbox.inspector is not None else "",
        )
        return Response(text, media_type="text/html", headers=PAGE_HEADERS)

    async def style(self, request: Request) -> Response:
        del request
        return Response(self._style, media_type="text/css")

    async def icon(self, request: Request) -> Response:
        del request
        return Response(self._icon, media_type="image/svg+xml", headers=PAGE_HEADERS)


def _cell(name: str, content: str) -> str:
    """Return a cell that says its column's name where the page is too narrow for a table."""
    return f'<td data-name="{name}">{content}</td>'


def _link(url: str, text: str) -> str:
    return f'<a href="{html.escape(url)}">{html.escape(text)}</a>'


def _counted(messages: int) -> str:
    return "1 message" if messages == 1 else f"{messages} messages"
