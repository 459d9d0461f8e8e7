"""The handset's addresses under /sandbox/handset/."""

import asyncio
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from waypost.sandbox.control_errors import ControlError, answer, bad_request
from waypost.sandbox.graph.media import send_ranged
from waypost.sandbox.handset.contents import Contents
from waypost.sandbox.handset.feed import PHONES_FOLLOWED_MAX, SUBSCRIBERS_MAX, Feed
from waypost.sandbox.handset.files import Files
from waypost.sandbox.handset.views import Views
from waypost.sandbox.media_headers import media_headers
from waypost.sandbox.network import digits_of
from waypost.sandbox.wire import Receive, Scope, Send

if TYPE_CHECKING:
    from waypost.sandbox.app import Sandbox

THREAD_PAGE_MAX = 500


class Handset:
    """The page, its files, and what it reads; what its user does goes to the control API, as a program's calls do."""

    def __init__(self, sandbox: "Sandbox") -> None:
        self._sandbox = sandbox
        self._files = Files()
        self._contents = Contents(
            network=sandbox.network, media=sandbox.media, links=sandbox.links, templates=sandbox.templates
        )
        self._views = Views(
            network=sandbox.network,
            ledger=sandbox.ledger,
            groups=sandbox.groups,
            delivery=sandbox.delivery,
            contents=self._contents,
        )
        self.feed = Feed(changes=sandbox.network.changes, views=self._views, closing=sandbox.closing)

    async def to_page(self, request: Request) -> Response:
        """Lead to the page, whose own links need the slash at the end."""
        del request
        return RedirectResponse("handset/", status_code=308)

    async def page(self, request: Request) -> Response:
        """Return the page."""
        page = self._files.answer(request, "handset.html")
        assert page is not None
        return page

    async def static(self, request: Request) -> Response:
        """Return a script, style or picture of the page; 404 lists what there is."""
        found = self._files.answer(request, request.path_params["name"])
        if found is None:
            hint = f"There are: {', '.join(self._files.names())}."
            raise ControlError(404, "not_found", "The handset has no such file.", hint)
        return found

    async def directory(self, request: Request) -> Response:
        """List business numbers, phones and groups; `phones` names those that must be among them."""
        has_inspector = self._sandbox.inspector is not None
        return answer({**self._views.directory(_phones_of(request)), "has_inspector": has_inspector})

    async def thread(self, request: Request) -> Response:
        """Return messages of a phone, the newest unless `before` is an index; at most `limit`."""
        phone = self._sandbox.network.find_phone(digits_of(request.path_params["number"]))
        if phone is None:
            number = request.path_params["number"]
            raise ControlError(
                404,
                "no_such_phone",
                f"There is no phone {number}.",
                f'Make it: PUT /sandbox/phones/{number} {{"name": "Ann"}}.',
            )
        before, limit = _whole(request, "before"), _whole(request, "limit")
        limit = 200 if limit is None else limit
        if not 1 <= limit <= THREAD_PAGE_MAX:
            raise bad_request(f"limit is not 1 to {THREAD_PAGE_MAX}.", "Leave it out for 200.")
        return answer(self._views.thread(phone, before=before, limit=limit))

    async def linked(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a file that a card of a message has by link, fetched as Meta would."""
        del receive
        wamid, place = scope["path_params"]["wamid"], scope["path_params"]["place"]
        entry = self._sandbox.ledger.by_wamid.get(wamid)
        medium = None if entry is None else await self._contents.linked(entry, place)
        if medium is None:
            raise ControlError(
                404,
                "not_found",
                "The link of this message leads to no file that can be shown.",
                "Open the link from the machine that the sandbox runs on.",
            )
        data = await asyncio.to_thread(self._sandbox.media.read, medium)
        mime_type, headers = media_headers(medium.mime_type, medium.filename)
        await send_ranged(scope, send, data=data, mime_type=mime_type, more=headers)

    async def live(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Tell of changes on `phones` (numbers, with commas between them) as they happen; 503 when too many listen."""
        phones = _phones_of(Request(dict(scope), receive))
        if len(phones) > PHONES_FOLLOWED_MAX:
            raise bad_request(f"More than {PHONES_FOLLOWED_MAX} phones are named.", "Show fewer phones.")
        if self.feed.is_full:
            raise ControlError(
                503,
                "too_many_pages",
                f"{SUBSCRIBERS_MAX} pages are already live.",
                "Close other tabs that show the handset; this one tries again by itself.",
                retry_after_seconds=5,
            )
        await self.feed.serve(receive, send, phones=frozenset(phones))


def _phones_of(request: Request) -> list[str]:
    named = request.query_params.get("phones", "")
    return list(dict.fromkeys(digits for one in named.split(",") if (digits := digits_of(one))))


def _whole(request: Request, name: str) -> int | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal()) or len(text) > 9:
        raise bad_request(f"{name} is not a whole number.", f"Leave {name} out.")
    return int(text)
