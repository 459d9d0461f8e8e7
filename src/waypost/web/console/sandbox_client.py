"""The sandbox's control API, as the console's page asks it: bounded in time and size, every end in words."""

from typing import Any, Final
from urllib.parse import quote, urlencode

import orjson

from waypost.outbound.http import HttpClient, OutboundError, Timeouts
from waypost.web.manage.problems import Problem, ProblemKind, invalid

TIMEOUTS: Final = Timeouts(total_seconds=4.0, pool_seconds=0.5, dns_seconds=0.5, connect_seconds=1.0, read_seconds=3.0)
"""It stands beside the gateway, and a person waits."""
ANSWER_BYTES_MAX: Final = 1024 * 1024

Found = dict[str, Any]


class SandboxAwayError(Exception):
    """The sandbox did not answer, or not as it would; the text is for people."""


class SandboxClient:
    """
    One request a call, nothing tried again.

    Every call raises ``SandboxAwayError`` where there is no answer of a sandbox, and ``Problem`` with the sandbox's own
    words where it refuses. ``base_url`` is without a slash at its end.
    """

    def __init__(self, http: HttpClient, base_url: str) -> None:
        self._http = http
        self._base_url = base_url

    async def status(self) -> Found:
        """Return what there is, counted."""
        return await self._call("GET", "/sandbox/status")

    async def faults(self) -> list[Found]:
        """Return the faults in force, and those that are used up."""
        return _list(await self._call("GET", "/sandbox/faults"), "faults")

    async def add_fault(self, rule: Found) -> Found:
        """Switch a fault on; a second call adds another of its kind."""
        return await self._call("POST", "/sandbox/faults", body=rule)

    async def remove_fault(self, rule_id: str) -> None:
        """Switch a fault off; one that is gone already is no error."""
        await self._call("DELETE", f"/sandbox/faults/{quote(rule_id, safe='')}", absent_is_fine=True)

    async def remove_faults(self, kind: str) -> None:
        """Switch all faults of a kind off, all there are for ``""``."""
        query = f"?{urlencode({'kind': kind})}" if kind else ""
        await self._call("DELETE", f"/sandbox/faults{query}")

    async def arrivals(self, *, before: int, at_most: int) -> tuple[list[Found], int | None]:
        """Return what reached the pretend Meta before a sequence (0: all), newest first, and where the next page is."""
        query = urlencode({"before": before, "limit": at_most})
        page = await self._call("GET", f"/sandbox/ledger/starts?{query}")
        following = page.get("next_before")
        return _list(page, "starts"), following if isinstance(following, int) else None

    async def phones(self, *, after: int, at_most: int) -> tuple[list[Found], int | None]:
        """Return phones behind the first so many, and where the next page is."""
        query = urlencode({"after": after, "limit": at_most})
        page = await self._call("GET", f"/sandbox/phones?{query}")
        following = page.get("next_after")
        return _list(page, "phones"), following if isinstance(following, int) else None

    async def _call(self, method: str, path: str, *, body: Found | None = None, absent_is_fine: bool = False) -> Found:
        headers = {} if body is None else {"content-type": "application/json"}
        try:
            answer = await self._http.request(
                method,
                self._base_url + path,
                headers=headers,
                body=None if body is None else orjson.dumps(body),
                timeouts=TIMEOUTS,
                body_bytes_max=ANSWER_BYTES_MAX,
            )
        except OutboundError as error:
            raise SandboxAwayError(f"The sandbox at {self._base_url} does not answer ({error.kind.value}).") from error
        try:
            found = orjson.loads(answer.body)
        except orjson.JSONDecodeError as error:
            raise SandboxAwayError(f"What answers at {self._base_url} is no sandbox.") from error
        if not isinstance(found, dict):
            raise SandboxAwayError(f"What answers at {self._base_url} is no sandbox.")
        if answer.status < 300 or (absent_is_fine and answer.status == 404):
            return found
        message, hint = found.get("message"), found.get("hint")
        if answer.status >= 500 or not isinstance(message, str) or not isinstance(hint, str):
            raise SandboxAwayError(f"The sandbox at {self._base_url} answers {answer.status}.")
        raise invalid("sandbox", message, hint=hint)


def _list(found: Found, member: str) -> list[Found]:
    items = found.get(member)
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def away(error: SandboxAwayError) -> Problem:
    """Return the problem that an action has when the sandbox does not answer."""
    return Problem(ProblemKind.PROVIDER_AWAY, str(error), hint=AWAY_HINT)


AWAY_HINT: Final = "Start it (waypost demo or waypost sandbox) or correct WAYPOST_SANDBOX_URL, and load the page anew."
