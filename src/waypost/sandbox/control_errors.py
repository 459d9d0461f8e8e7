"""How the control API refuses: JSON with what was wrong and what to do."""

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

# Pages load nothing but what stands beside them.
PAGE_HEADERS = {
    "cache-control": "no-cache",
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class ControlError(Exception):
    """
    A refusal of the control API: an HTTP status, a short code, a sentence, and a hint at what to do.

    `retry_after_seconds` says when to ask again; None where asking again would not help.
    """

    def __init__(
        self, status: int, error: str, message: str, hint: str, *, retry_after_seconds: int | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error = error
        self.message = message
        self.hint = hint
        self.retry_after_seconds = retry_after_seconds


def bad_request(message: str, hint: str) -> ControlError:
    """Return the refusal of a request that is not as it must be."""
    return ControlError(400, "bad_request", message, hint)


def answer(value: object, status: int = 200) -> Response:
    """Return a JSON response."""
    return Response(orjson.dumps(value), status_code=status, media_type="application/json")


async def refuse(request: Request, error: Exception) -> Response:
    """Make a ControlError an answer."""
    del request
    assert isinstance(error, ControlError)
    body = {"error": error.error, "message": error.message, "hint": error.hint}
    response = answer(body, error.status)
    if error.retry_after_seconds is not None:
        response.headers["retry-after"] = str(error.retry_after_seconds)
    return response


async def refuse_unknown(request: Request, error: Exception) -> Response:
    """Answer a path or method that is not there."""
    status = getattr(error, "status_code", 404)
    word = "method_not_allowed" if status == 405 else "not_found"
    message = f"There is no {request.method} {request.url.path} here."
    return answer({"error": word, "message": message, "hint": "GET /sandbox/ lists what there is."}, status)


async def json_body(request: Request) -> dict[str, Any]:
    """Return the JSON object of the body, empty for no body; raise ControlError."""
    raw = await request.body()
    if not raw:
        return {}
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise bad_request(f"The body is not JSON: {error}.", 'Send a JSON object, as {"online": false}.') from error
    if not isinstance(body, dict):
        raise bad_request("The body is not a JSON object.", 'Send a JSON object, as {"online": false}.')
    return body


def page_of(request: Request, *, limit_max: int, limit_default: int) -> tuple[int, int]:
    """Return `after` (0 when absent) and `limit` from the query; raise ControlError."""
    numbers = []
    for name, default, least, most in (("after", 0, 0, 2**62), ("limit", limit_default, 1, limit_max)):
        text = request.query_params.get(name, str(default))
        if not (text.isascii() and text.isdecimal()) or not least <= int(text) <= most:
            raise bad_request(f"{name} is not a number from {least} to {most}.", f"Leave {name} out for {default}.")
        numbers.append(int(text))
    return numbers[0], numbers[1]
