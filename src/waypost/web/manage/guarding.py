"""
The edge of the manage API: who is let in, what is read of a request, and how every problem is answered.

Each route carries the name of its operation; a route whose operation ``SCOPES`` does not know lets nobody in.
"""

from collections.abc import Awaitable, Callable, Coroutine
from enum import Enum
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from waypost.contract.decoding import decode
from waypost.contract.errors import RefusedError
from waypost.observe import get_logger
from waypost.ports import IdFactory
from waypost.store.engine import StoreUnavailableError
from waypost.web.auth import SCOPES
from waypost.web.exchange import BodyTooLargeError, ClientGoneError, read_body
from waypost.web.manage.context import Caller, ManageContext
from waypost.web.manage.editing import Editor
from waypost.web.manage.problems import Fault, Problem, ProblemKind, not_found, unavailable

PREFIX: Final = "/manage/v1"
ACCOUNT_HEADER: Final = "waypost-account"
PROBLEM_JSON: Final = "application/problem+json"
_Handler = Callable[[Request], Coroutine[Any, Any, Response]]

_logger = get_logger("manage")


class Gate:
    """Lets requests in, and turns whatever goes wrong behind it into a problem document."""

    def __init__(self, context: ManageContext) -> None:
        self._context = context

    def route_class(self) -> type[APIRoute]:
        """Return the class of routes that pass this gate."""
        gate = self

        class GatedRoute(APIRoute):
            def get_route_handler(self) -> _Handler:
                handler = super().get_route_handler()
                operation = self.operation_id or ""

                async def handle(request: Request) -> Response:
                    return await gate.pass_through(request, operation, handler)

                return handle

        return GatedRoute

    async def pass_through(self, request: Request, operation: str, handler: _Handler) -> Response:
        """Admit the caller, read the body, and answer; never raises but for cancellation."""
        try:
            request.state.caller = self._admit(request, operation)
            await self._read_body(request)
            return await handler(request)
        except Problem as problem:
            return answer_problem(problem, ids=self._context.ids)
        except RequestValidationError as error:
            return answer_problem(_invalid(error), ids=self._context.ids)
        except StoreUnavailableError as error:
            _logger.warning("manage.store_unavailable", operation=operation, error=str(error))
            return answer_problem(unavailable(), ids=self._context.ids)
        except ClientGoneError:
            return Response(status_code=499)  # nobody reads it
        except Exception:
            # The request's outermost edge: a defect is logged once, with its trace, and told without detail.
            problem_id = self._context.ids.new()
            _logger.exception("manage.defect", operation=operation, problem_id=problem_id)
            return answer_problem(_defect(), problem_id=problem_id)

    def _admit(self, request: Request, operation: str) -> Caller:
        context = self._context
        authorization = request.headers.get("authorization")
        presented = None if authorization is None else authorization.encode("latin-1", "replace")
        principal = context.authenticator.authenticate(presented)
        if principal is None:
            address = request.client.host if request.client else ""
            wait = context.authenticator.note_failure(presented, address=address)
            raise _unauthenticated() if wait is None else _throttled(wait)
        if not principal.may(operation):
            raise _forbidden(operation)
        account_id = principal.account_id
        named = request.headers.get(ACCOUNT_HEADER)
        if named is not None and named != account_id:
            if not principal.is_operator:
                raise Problem(
                    ProblemKind.FORBIDDEN,
                    "Only an operator's key may name an account.",
                    hint=f"Leave out the header {ACCOUNT_HEADER}; the key says whose account is meant.",
                )
            if named not in context.directory.now.accounts:
                raise not_found("account")
            account_id = named
        if "\x00" in request.scope["path"] or b"%00" in request.scope["query_string"]:
            raise not_found("thing")  # no id holds one, and PostgreSQL could not even look for it
        editor = Editor.for_key(principal.key_id, ids=context.ids, clock=context.clock, sealer=context.sealer)
        return Caller(principal=principal, account_id=account_id, editor=editor)

    async def _read_body(self, request: Request) -> None:
        """Read and decode the body, bounded, with the one JSON parser that the contract's API uses too."""
        bytes_max = self._context.settings.limits.other_body_bytes_max
        try:
            body = await read_body(request.receive, bytes_max=bytes_max)
        except BodyTooLargeError as error:
            raise Problem(
                ProblemKind.TOO_LARGE, f"A body has at most {bytes_max} bytes.", hint="Ask for less at a time."
            ) from error
        request._body = body  # noqa: SLF001 - Starlette's place for a body that has been read
        if not body:
            return
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise Problem(
                ProblemKind.UNSUPPORTED_MEDIA_TYPE,
                "The body's type is not application/json.",
                hint="Send JSON, with the header Content-Type: application/json.",
            )
        try:
            request._json = decode(body)  # noqa: SLF001 - likewise for one that has been decoded
        except RefusedError as error:
            raise Problem(
                ProblemKind.MALFORMED,
                "The body is not JSON, or nests too deeply, or holds characters that cannot be stored.",
                hint="Send one JSON object in UTF-8, without NaN, lone surrogates or NUL characters.",
            ) from error


async def caller_of(request: Request) -> Caller:
    """Return who was let in. A coroutine, since FastAPI runs plain functions on a thread."""
    caller: Caller = request.state.caller
    return caller


def answer_problem(problem: Problem, *, ids: IdFactory | None = None, problem_id: str | None = None) -> Response:
    """Return a problem document (RFC 9457) with our members ``hint``, ``faults`` and ``id``."""
    kind = problem.kind.value
    document: dict[str, Any] = {
        "type": f"urn:waypost:problem:{kind.slug}",
        "title": kind.title,
        "status": kind.status,
        "detail": problem.detail,
        "hint": problem.hint,
        "id": problem_id or (ids.new() if ids is not None else ""),
    }
    if problem.faults:
        document["faults"] = [{"place": fault.place, "message": fault.message} for fault in problem.faults]
    headers = {} if problem.retry_after_seconds is None else {"retry-after": str(problem.retry_after_seconds)}
    if problem.allowed_methods:
        headers["allow"] = problem.allowed_methods
    if problem.kind is ProblemKind.UNAUTHENTICATED:
        headers["www-authenticate"] = 'Bearer realm="waypost"'
    return JSONResponse(document, status_code=kind.status, media_type=PROBLEM_JSON, headers=headers)


def routing_problem(error: HTTPException, *, allowed: list[str]) -> Problem:
    """Return what the router itself refuses, as a problem; ``allowed`` are the methods that the path takes."""
    if error.status_code == 405:
        words = ", ".join(allowed)
        return Problem(
            ProblemKind.METHOD_NOT_ALLOWED, f"This path takes {words}.", hint="See /docs.", allowed_methods=words
        )
    if error.status_code == 404:
        return Problem(ProblemKind.NOT_FOUND, "There is no such path.", hint="All paths are listed at /docs.")
    return Problem(ProblemKind.MALFORMED, "The request cannot be read.", hint="See /docs.")


def _invalid(error: RequestValidationError) -> Problem:
    faults = tuple(
        Fault(
            place=".".join(str(part) for part in fault["loc"]),
            message=str(fault["msg"]).removeprefix("Value error, "),
        )
        for fault in error.errors()
    )
    first = faults[0] if faults else Fault("body", "is invalid")
    return Problem(
        ProblemKind.INVALID,
        f"{first.place}: {first.message}",
        hint="See /docs for the members and their rules; unknown members are refused.",
        faults=faults,
    )


def _unauthenticated() -> Problem:
    return Problem(
        ProblemKind.UNAUTHENTICATED,
        "The key is missing, unknown, expired or revoked.",
        hint="Send the header Authorization: Bearer wp_...; make a key with: waypost keys create",
    )


def _throttled(wait_seconds: int) -> Problem:
    return Problem(
        ProblemKind.THROTTLED,
        "Too many wrong keys from this address, or for this key id.",
        hint="Correct the key, and wait as long as Retry-After says.",
        retry_after_seconds=wait_seconds,
    )


def _forbidden(operation: str) -> Problem:
    scope = SCOPES.get(operation)
    return Problem(
        ProblemKind.FORBIDDEN,
        f"The key lacks the scope {scope}." if scope else "No key may do this.",
        hint="Use a key that has it, or make one: waypost keys create --scope ...",
    )


def _defect() -> Problem:
    return Problem(
        ProblemKind.DEFECT,
        "The request ran into a defect of Waypost.",
        hint="Look for this id in the gateway's log, and report what stands there.",
    )


Calling = Annotated[Caller, Depends(caller_of)]
"""A route's parameter for who was let in."""


class Calls:
    """Adds one group's calls to a router; the operation's name decides the scope."""

    def __init__(self, router: APIRouter, *, tag: str) -> None:
        self._router = router
        self._tag: list[str | Enum] = [tag]

    def add(
        self,
        method: str,
        path: str,
        handler: Callable[..., Awaitable[Any]],
        operation: str,
        *,
        status: int = 200,
        responses: dict[int | str, dict[str, Any]] | None = None,
    ) -> None:
        """
        Add one call under ``PREFIX``.

        ``status`` is that of success; ``responses`` describes answers that are no closed model.
        """
        self._router.add_api_route(
            PREFIX + path,
            handler,
            methods=[method],
            operation_id=operation,
            tags=self._tag,
            status_code=status,
            responses=responses,
        )
