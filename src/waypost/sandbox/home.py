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


class HomePage:
    """Explain the sandbox in a few lines, with its numbers, its phones and commands to paste."""

    def __init__(self, sandbox: "Sandbox") -> None:
        self._sandbox = sandbox
        pages = resources.files("waypost.sandbox") / "pages"
        self._template = Template((pages / "home.html").read_text())
        self._style = (pages / "style.css").read_text()

    async def page(self, request: Request) -> Response:
        network = self._sandbox.network
        base_url = html.escape(self._sandbox.base_url_of(request.scope))
        root = urlsplit(base_url).path
        numbers = "".join(
            f'<tr><td><a href="{root}/sandbox/numbers/{n.phone_number_id}">{n.phone_number_id}</a></td>'
            f"<td>+{n.display_phone_number}</td><td>{n.waba_id}</td><td>{html.escape(n.status)}</td></tr>"
            for n in network.numbers.values()
        )
        phones = "".join(
            f'<tr><td><a href="{root}/sandbox/phones/{p.number}">+{p.number}</a></td><td>{html.escape(p.name)}</td>'
            f"<td>{'online' if p.online else 'offline'}</td>"
            f'<td><a href="{root}/sandbox/phones/{p.number}/messages">{len(p.thread)} messages</a></td></tr>'
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
            inspector=f'<a href="{root}/inspector/">webhook inspector</a>'
            if self._sandbox.inspector is not None
            else "",
        )
        return Response(text, media_type="text/html", headers=PAGE_HEADERS)

    async def style(self, request: Request) -> Response:
        del request
        return Response(self._style, media_type="text/css")
