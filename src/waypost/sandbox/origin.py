"""Whether a browser sent a request on behalf of a page that is not the sandbox's own."""

from urllib.parse import urlsplit

from waypost.sandbox.control_errors import answer
from waypost.sandbox.wire import Receive, Scope, Send, header

_OURS = (b"same-origin", b"none")


def is_foreign(scope: Scope, base_url: str) -> bool:
    """
    Tell whether another site's page is behind a request: the control API has no key, so any page could use it.

    Programs send neither `Origin` nor `Sec-Fetch-Site`, and pass. `base_url` is the address the sandbox is known by,
    for when a proxy in front changes `Host`.
    """
    site = header(scope, b"sec-fetch-site")
    if site is not None and site not in _OURS:
        return True
    origin = header(scope, b"origin")
    if origin is None:
        return False
    host = (header(scope, b"host") or b"").decode("latin-1")
    try:
        named = urlsplit(origin.decode("latin-1")).netloc
    except ValueError:
        return True
    return named not in {host, urlsplit(base_url).netloc} or not named


async def refuse_foreign(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer 403, in the words of the control API."""
    body = {
        "error": "another_site",
        "message": "The request was made by a page of another site.",
        "hint": "Use the sandbox's own pages, or a program, which sends no Origin header.",
    }
    await answer(body, 403)(scope, receive, send)
