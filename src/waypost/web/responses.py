"""The contract's replies as Starlette responses, for everything that is not hot."""

from starlette.responses import Response

from waypost.contract.replies import Reply


def json_response(body: bytes, *, status: int = 200) -> Response:
    """Return a JSON answer."""
    return Response(body, status_code=status, media_type="application/json")


def reply_response(reply: Reply, *, headers: dict[str, str] | None = None) -> Response:
    """Return one of the contract's replies."""
    return Response(reply.body, status_code=reply.status, media_type="application/json", headers=headers)
