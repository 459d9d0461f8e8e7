"""Who may be written to: searched, shown with their history, changed one by one."""

from typing import Any, Final

from starlette.responses import Response

from waypost.contract.consents import parse_recipients
from waypost.domain.address import RECIPIENT_DIGITS_MIN, digits_of
from waypost.domain.consent import ConsentAction, ConsentState
from waypost.domain.users import Role
from waypost.observe import mask_number
from waypost.store.consent_search import ConsentFilter, search_consents
from waypost.store.consents import (
    ConsentRecord,
    ConsentWrite,
    HistoryEntry,
    find_consents,
    list_history,
)
from waypost.store.conversations import find_newest_id
from waypost.store.transaction import Tx
from waypost.web.consenting import change_consents
from waypost.web.console.context import PREFIX, Console
from waypost.web.console.opaque import OpaqueNames
from waypost.web.console.routing import ConsoleRoute, action, page
from waypost.web.console.tables import Column, Listing, Row, Rows
from waypost.web.console.visit import Visit
from waypost.web.manage.consent_files import MEDIA_TYPES, Page, read_page, stream_file
from waypost.web.manage.problems import invalid, not_found

_STATES: Final = ("opted_in", "opted_out", "blocklisted")
_ACTIONS: Final = tuple(ConsentAction)
_DONE: Final = {
    ConsentAction.OPTIN: "The opt-in is recorded.",
    ConsentAction.OPTOUT: "The opt-out is recorded: nothing is sent to this number any more.",
    ConsentAction.BLOCKLIST: "The number is blocked, whatever it agrees to.",
    ConsentAction.WHITELIST: "The number is not blocked any more; its opt-in or opt-out is as it was.",
}
_KINDS: Final = ("consents", "history")
_FORMS: Final = ("csv", "json")
_HISTORY_MAX: Final = 200
_DIGITS_OPEN_TO_ALL: Final = 4
"""As many digits are shown of a masked number."""
_COLUMNS: Final = (
    Column(key="recipient", title="Number", kind="number", link="path"),
    Column(key="state", title="State", kind="status"),
    Column(key="how", title="How"),
    Column(key="is_blocklisted", title="Blocked", kind="flag"),
    Column(key="origin", title="Source"),
    Column(key="changed_at_us", title="Since", kind="time"),
)
_EMPTY: Final = "Nobody is found. Customers opt in by writing to you; opt-ins from elsewhere are imported below."


class ConsentPage:
    """Consents. Numbers stand in no URL: people are named by opaque names, and searches are forms."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._names = OpaqueNames(console.token_key)

    def routes(self) -> list[ConsoleRoute]:
        """Return the routes."""
        person = "/consent/people/{name}"
        return [
            page("/consent", self.search),
            action("/consent", self.search, Role.VIEWER),
            action("/consent/file", self.file, Role.VIEWER),
            action("/consent/record", self.record, Role.OPERATOR),
            page(person, self.show),
            action(f"{person}/change", self.change, Role.OPERATOR),
        ]

    async def search(self, visit: Visit) -> Response:
        """List who matches, in the order of their numbers."""
        written, state = visit.field("number"), visit.field("state")
        prefix = digits_of(written) or written
        self._check_prefix(visit, prefix)
        wanted = ConsentFilter(
            prefix=prefix,
            state=ConsentState(state) if state in ("opted_in", "opted_out") else None,
            blocklisted=state == "blocklisted",
        )

        async def fetch(cursor: str | None, at_most: int) -> Rows:
            # Cursors are numbers, so they too are shown as opaque names.
            after = None if cursor is None else self._names.text_of(visit.account_id, cursor)
            if not visit.may(Role.OPERATOR) and len(prefix) >= RECIPIENT_DIGITS_MIN:
                found = await visit.read(lambda tx: find_consents(tx, visit.account_id, [prefix]))
                return Rows(rows=[self._shown(visit, record) for record in found.values()])
            rows = await visit.read(
                lambda tx: search_consents(tx, visit.account_id, wanted=wanted, cursor=after, at_most=at_most)
            )
            following = rows.next_cursor
            return Rows(
                rows=[self._shown(visit, record) for record in rows.rows],
                next_cursor=None if following is None else self._names.name_of(visit.account_id, following),
            )

        listing = Listing(
            name="consents",
            columns=_COLUMNS,
            fetch=fetch,
            empty=_EMPTY,
            posted={"number": written, "state": state, "search": "yes"},
        )
        if visit.wants_file:
            return await listing.file(visit)
        return visit.page(
            "consent.html",
            table=await listing.table(visit),
            written=written,
            state=state,
            states=_STATES,
            implicit_optin=visit.account.implicit_optin,
        )

    async def file(self, visit: Visit) -> Response:
        """Read all consents, or the history of all, as one file; numbers as the visitor may see them."""
        kind, form = visit.choice("content", _KINDS), visit.choice("form", _FORMS)

        async def read(last: ConsentRecord | HistoryEntry | None) -> Page:
            return await visit.read(lambda tx: read_page(tx, visit.account_id, kind, last=last))  # type: ignore[arg-type]

        with self._console.manage.exports.place(visit.account_id) as place:
            first = await read(None)

            async def page_behind(last: ConsentRecord | HistoryEntry | None) -> Page:
                return first if last is None else await read(last)

            return place.stream(
                stream_file(kind, form, page_behind, show_number=visit.number),  # type: ignore[arg-type]
                media_type=MEDIA_TYPES[form],
                filename=f"{kind}.{form}",
            )

    async def record(self, visit: Visit) -> Response:
        """Record something about a number that was typed, and show where it stands then."""
        recipient = await self._record(visit, digits_of(visit.field("number")) or visit.field("number"))
        return visit.redirect(self._path_of(visit, recipient).removeprefix(PREFIX), notice=self._notice(visit))

    async def show(self, visit: Visit) -> Response:
        """Show where one recipient stands, and everything recorded about it, newest first."""
        recipient = self._recipient_of(visit)

        def look(tx: Tx) -> dict[str, Any]:
            return {
                "record": find_consents(tx, visit.account_id, [recipient]).get(recipient),
                "history": list_history(tx, visit.account_id, recipient, at_most=_HISTORY_MAX),
                "newest_id": find_newest_id(tx, visit.account_id, recipient),
            }

        values = await visit.read(look)
        if values["record"] is None:
            raise not_found("recipient")
        return visit.page(
            "consent_person.html", recipient=recipient, implicit_optin=visit.account.implicit_optin, **values
        )

    async def change(self, visit: Visit) -> Response:
        """Record something about one recipient."""
        recipient = self._recipient_of(visit)
        await self._record(visit, recipient)
        return visit.redirect(f"/consent/people/{visit.part('name')}", notice=self._notice(visit))

    async def _record(self, visit: Visit, recipient: str) -> str:
        done = ConsentAction(visit.choice("action", _ACTIONS))
        evidence, failed = parse_recipients([{"recipient": recipient, "source": visit.field("source")}])
        if failed:
            raise invalid("number", failed[0][1].error.text, hint="Correct it and send the form again.")
        manage, editor = self._console.manage, visit.editor
        recipient = evidence[0][1].recipient
        write = ConsentWrite(
            account_id=visit.account_id,
            action=done,
            evidence=tuple(one for _, one in evidence),
            now_us=manage.clock.now_us(),
        )

        def change(tx: Tx) -> None:
            change_consents(tx, manage.directory.now, manage.ids, [write])
            editor.note(tx, account_id=visit.account_id, action=f"consent.{done.value}", target=mask_number(recipient))

        await visit.change(change)
        manage.notify_now()
        return recipient

    def _notice(self, visit: Visit) -> str:
        return _DONE[ConsentAction(visit.field("action"))]

    def _recipient_of(self, visit: Visit) -> str:
        recipient = self._names.text_of(visit.account_id, visit.part("name"))
        if recipient is None:
            raise not_found("recipient")
        return recipient

    def _path_of(self, visit: Visit, recipient: str) -> str:
        return f"{PREFIX}/consent/people/{self._names.name_of(visit.account_id, recipient)}"

    def _check_prefix(self, visit: Visit, prefix: str) -> None:
        """Let nobody find hidden digits out by trying one after the other."""
        if not visit.may(Role.OPERATOR) and _DIGITS_OPEN_TO_ALL < len(prefix) < RECIPIENT_DIGITS_MIN:
            raise invalid(
                "number",
                f"is neither whole nor its first {_DIGITS_OPEN_TO_ALL} digits",
                hint="Type all of it; operators may search by any beginning.",
            )

    def _shown(self, visit: Visit, record: ConsentRecord) -> Row:
        consent = record.consent
        return {
            "recipient": record.recipient,
            "path": self._path_of(visit, record.recipient),
            "state": None if consent.state is None else consent.state.value,
            "how": "" if consent.state is None else "implied by a message" if consent.is_implied else "explicit",
            "is_blocklisted": consent.is_blocklisted,
            "origin": record.origin,
            "changed_at_us": record.changed_at_us,
        }
