"""Resumable uploads: the samples of template headers and the pictures of profiles (upload guide of Graph, 2026)."""

import base64
import hashlib
import secrets
from dataclasses import dataclass

from starlette.requests import Request

from waypost.sandbox.graph.call import Grant
from waypost.sandbox.graph.errors import GraphError, invalid, missing, no_such_object
from waypost.sandbox.graph.objects import Answer

PREFIX = "upload:"
APP = "app"
"""What Graph calls the app of the token, whatever its id."""

_BYTES_MAX = 100 * 1024 * 1024
_SESSIONS_MAX = 1000


@dataclass(slots=True, kw_only=True)
class _Session:
    token: str
    bytes_due: int
    mime_type: str
    received: int = 0


class Uploads:
    """Sessions by id, in memory only: nobody reads a sample here, so of its bytes the number and the hash are kept."""

    def __init__(self, *, app_id: str) -> None:
        self._app_id = app_id
        self._sessions: dict[str, _Session] = {}

    def is_app(self, object_id: str) -> bool:
        return object_id in {self._app_id, APP}

    def describe_app(self) -> Answer:
        return {"id": self._app_id, "name": "Sandbox app", "link": "https://developers.facebook.com/"}

    def open(self, grant: Grant, query: dict[str, str]) -> Answer:
        """Open a session for a file whose name, length and type are told beforehand; raise GraphError."""
        for name in ("file_length", "file_type"):
            if not query.get(name):
                raise missing(name)
        if not query["file_length"].isdecimal() or not 0 < int(query["file_length"]) <= _BYTES_MAX:
            raise invalid("Param file_length must be the number of bytes of the file.")
        if "/" not in query["file_type"]:
            raise invalid("Param file_type must be a MIME type.")
        while len(self._sessions) >= _SESSIONS_MAX:
            del self._sessions[next(iter(self._sessions))]
        session_id = PREFIX + secrets.token_urlsafe(24)
        self._sessions[session_id] = _Session(
            token=grant.token, bytes_due=int(query["file_length"]), mime_type=query["file_type"]
        )
        return {"id": session_id}

    def progress(self, grant: Grant, session_id: str) -> Answer:
        return {"id": session_id, "file_offset": self._own(grant, session_id, "GET").received}

    async def take(self, grant: Grant, session_id: str, request: Request) -> Answer:
        """Take the file's bytes, all of them at once; return the handle by which a template names them."""
        session = self._own(grant, session_id, "POST")
        if request.headers.get("file_offset") != "0":
            raise missing("file_offset")
        data = await request.body()
        if len(data) != session.bytes_due:
            raise GraphError(100, f"{len(data)} bytes came of {session.bytes_due}.")
        session.received = len(data)
        kind = base64.b64encode(session.mime_type.encode()).decode()
        return {"h": f"4::{kind}:{hashlib.sha256(data).hexdigest()}:e:{secrets.token_hex(8)}"}

    def _own(self, grant: Grant, session_id: str, method: str) -> _Session:
        session = self._sessions.get(session_id)
        if session is None or session.token != grant.token:
            raise no_such_object(session_id, method)
        return session
