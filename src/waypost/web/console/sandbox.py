"""The sandbox from within the console: its faults as switches, what reached it, and its phones."""

from collections.abc import Awaitable, Sequence
from typing import Any, Final, TypeVar

from starlette.responses import Response

from waypost.domain.users import Role
from waypost.store.message_facts import find_ids_upstream
from waypost.store.transaction import Tx
from waypost.web.console.context import PREFIX, Console
from waypost.web.console.routing import ConsoleRoute, action, page
from waypost.web.console.sandbox_client import AWAY_HINT, Found, SandboxAwayError, SandboxClient, away
from waypost.web.console.sandbox_faults import FAULT_KINDS, TARGETS, facts_of, fault_kind, rule_of
from waypost.web.console.tables import Column, Listing, Row, Rows, Table
from waypost.web.console.visit import Visit
from waypost.web.manage.problems import Problem, ProblemKind

Result = TypeVar("Result")

_CURSOR_DIGITS_MAX: Final = 18
_ARRIVALS_SHOWN: Final = 20
_ARRIVAL_COLUMNS: Final = (
    Column(key="sequence", title="No.", kind="count"),
    Column(key="at", title="Arrived", kind="time"),
    Column(key="to", title="To", kind="number"),
    Column(key="type", title="Type"),
    Column(key="outcome", title="Outcome", kind="status"),
    Column(key="code", title="Code"),
    Column(key="status", title="Status", kind="status"),
    Column(key="number_id", title="Number id", kind="code"),
    Column(key="message", title="Message", link="path"),
)
_PHONE_COLUMNS: Final = (
    Column(key="number", title="Phone", kind="number"),
    Column(key="name", title="Name"),
    Column(key="online", title="Online", kind="flag"),
    Column(key="on_whatsapp", title="On WhatsApp", kind="flag"),
    Column(key="reads", title="Reads"),
    Column(key="messages", title="Messages", kind="count"),
)


class SandboxPage:
    """A page of an installation that has a sandbox; everybody looks, operators switch."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def routes(self) -> list[ConsoleRoute]:
        """Return the routes."""
        return [
            page("/sandbox", self.show),
            page("/sandbox/part", self.part),
            page("/sandbox/ledger", self.ledger),
            action("/sandbox/faults", self.switch_on, Role.OPERATOR),
            action("/sandbox/faults/off", self.switch_off, Role.OPERATOR),
        ]

    async def show(self, visit: Visit) -> Response:
        """Show everything, or one of the tables as a file."""
        client = self._client(visit)
        if visit.wants_file:
            is_phones = visit.query("table") == "phones"
            listing = self._phones(client) if is_phones else self._arrivals(visit, client)
            return await _asked(listing.file(visit))
        values: dict[str, Any] = {
            "kinds": FAULT_KINDS,
            "groups": list(dict.fromkeys(kind.group for kind in FAULT_KINDS)),
            "targets": TARGETS,
            "sandbox_url": self._console.manage.settings.sandbox_url,
            "phones": None,
            "switched_on": frozenset[str](),
        }
        try:
            values |= await self._now(client)
            values |= await self._ledger(visit, client)
            values["phones"] = await self._phone_table(client)
            values["switched_on"] = {rule["kind"] for rule in values["in_force"] if not rule["is_spent"]}
        except SandboxAwayError as error:
            return visit.page("sandbox.html", **values, away=str(error), away_hint=AWAY_HINT)
        return visit.page("sandbox.html", **values, away="", away_hint="")

    async def part(self, visit: Visit) -> Response:
        """Show what there is and which faults are in force, for a page that is open."""
        return visit.fragment("sandbox_part.html", **await _asked(self._now(self._client(visit))))

    async def ledger(self, visit: Visit) -> Response:
        """Show the newest that arrived, for a page that is open."""
        return visit.fragment("sandbox_ledger.html", **await _asked(self._ledger(visit, self._client(visit))))

    async def switch_on(self, visit: Visit) -> Response:
        """Switch a fault on, with what the form says of it."""
        client, kind = self._client(visit), fault_kind(visit.field("kind"))
        names = [parameter.name for parameter in kind.parameters] + ["count", "share", "number", "target"]
        rule = rule_of(kind, {name: visit.field(name) for name in names})
        made = await _asked(client.add_fault(rule))
        await self._note(visit, "sandbox.fault_on", f"{kind.kind} {made.get('id', '')}".strip())
        return visit.redirect("/sandbox", notice=f"“{kind.title}” is on.")

    async def switch_off(self, visit: Visit) -> Response:
        """Switch off one fault in force, all of a kind, or all there are."""
        client, kind, rule_id = self._client(visit), visit.field("kind"), visit.field("id")
        rules = await _asked(client.faults())
        if rule_id:
            was_on = any(rule.get("id") == rule_id for rule in rules)
            await _asked(client.remove_fault(rule_id))
        else:
            was_on = any(kind in ("", rule.get("kind")) for rule in rules)
            await _asked(client.remove_faults(kind))
        await self._note(visit, "sandbox.fault_off", kind or rule_id or "all")
        return visit.redirect("/sandbox", notice="Switched off." if was_on else "Nothing was on.")

    async def _note(self, visit: Visit, name: str, target: str) -> None:
        editor, account_id = visit.editor, visit.account_id
        await visit.change(lambda tx: editor.note(tx, account_id=account_id, action=name, target=target))

    async def _now(self, client: SandboxClient) -> dict[str, Any]:
        titles = {kind.kind: kind for kind in FAULT_KINDS}
        in_force = [_rule_shown(rule, titles) for rule in await client.faults()]
        return {"in_force": in_force, "counts": await client.status()}

    async def _ledger(self, visit: Visit, client: SandboxClient) -> dict[str, Any]:
        arrivals = await self._arrivals(visit, client).table(visit, at_most=_ARRIVALS_SHOWN)
        return {"arrivals": arrivals, "is_first_page": visit.cursor is None}

    def _client(self, visit: Visit) -> SandboxClient:
        """Return the sandbox's client. Raises ``Problem`` where this visitor has no sandbox to look at."""
        manage = self._console.manage
        if manage.settings.sandbox_url is None:
            raise Problem(
                ProblemKind.NOT_FOUND,
                "This installation has no sandbox.",
                hint="Set WAYPOST_SANDBOX_URL to one, or try: waypost demo",
            )
        users = {one.account_id for one in manage.directory.now.sources.values() if one.provider == "sandbox"}
        if visit.account_id not in users:
            raise Problem(
                ProblemKind.NOT_FOUND,
                "No source of this account sends to the sandbox.",
                hint="Connect a source whose provider is the sandbox, on the page Sources.",
            )
        if visit.session.user_account_id is not None and users != {visit.account_id}:
            # The sandbox knows nothing of accounts: whoever looks at it sees everybody's.
            raise Problem(
                ProblemKind.FORBIDDEN,
                "Several accounts share this sandbox, and you are a user of one of them.",
                hint="Ask somebody who is a user of all accounts.",
            )
        return SandboxClient(self._console.upstream, manage.settings.sandbox_url.rstrip("/"))

    def _arrivals(self, visit: Visit, client: SandboxClient) -> Listing:
        async def fetch(cursor: str | None, at_most: int) -> Rows:
            found, following = await client.arrivals(before=_number_of(cursor), at_most=at_most)
            ids = await visit.read(lambda tx: _message_ids(tx, visit.account_id, found))
            rows = [_arrival(start, ids.get(str(start.get("wamid")))) for start in found]
            return Rows(rows=rows, next_cursor=None if following is None else str(following))

        return Listing(
            name="ledger",
            columns=_ARRIVAL_COLUMNS,
            fetch=fetch,
            empty="Nothing has reached the sandbox yet. Send a message.",
            query={"table": "ledger"},
            path=f"{PREFIX}/sandbox",
        )

    def _phones(self, client: SandboxClient) -> Listing:
        async def fetch(cursor: str | None, at_most: int) -> Rows:
            found, following = await client.phones(after=_number_of(cursor), at_most=at_most)
            return Rows(rows=found, next_cursor=None if following is None else str(following))

        return Listing(
            name="phones",
            columns=_PHONE_COLUMNS,
            fetch=fetch,
            empty="There is no phone yet. Open the handset and add one.",
            query={"table": "phones"},
            path=f"{PREFIX}/sandbox",
        )

    async def _phone_table(self, client: SandboxClient) -> Table:
        """Return the first phones; all of them are in the files."""
        listing = self._phones(client)
        found = await listing.fetch(None, 50)
        return Table(
            name=listing.name,
            columns=listing.columns,
            page=Rows(rows=found.rows),
            empty=listing.empty,
            path=f"{PREFIX}/sandbox",
            query=listing.query,
        )


async def _asked(call: Awaitable[Result]) -> Result:
    """Return what the sandbox said; that it said nothing is a problem of the one who asks."""
    try:
        return await call
    except SandboxAwayError as error:
        raise away(error) from error


def _number_of(cursor: str | None) -> int:
    text = cursor or ""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _CURSOR_DIGITS_MAX else 0


def _rule_shown(rule: Found, titles: dict[str, Any]) -> dict[str, Any]:
    kind = titles.get(str(rule.get("kind")))
    return {
        "id": str(rule.get("id", "")),
        "kind": str(rule.get("kind", "")),
        "title": str(rule.get("kind")) if kind is None else kind.title,
        "facts": facts_of(kind, rule),
        "number": rule.get("number"),
        "count": rule.get("count"),
        "hits": rule.get("hits", 0),
        "is_spent": bool(rule.get("is_spent")),
    }


def _message_ids(tx: Tx, account_id: str, starts: Sequence[Found]) -> dict[str, str]:
    """Return the account's messages by what the sandbox has named them."""
    wamids = {wamid for start in starts if isinstance(wamid := start.get("wamid"), str)}
    return find_ids_upstream(tx, account_id, sorted(wamids))


def _arrival(start: Found, message_id: str | None) -> Row:
    # No wamid: the recipient's number can be read out of one.
    return {
        "sequence": start.get("sequence"),
        "at": start.get("arrival_us"),
        "to": start.get("to"),
        "type": start.get("type"),
        "outcome": start.get("outcome"),
        "code": start.get("code"),
        "status": start.get("status"),
        "number_id": start.get("phone_number_id"),
        "message": "show" if message_id is not None else None,
        "path": None if message_id is None else f"{PREFIX}/messages/{message_id}",
    }
