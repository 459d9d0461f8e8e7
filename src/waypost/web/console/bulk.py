"""Bulk sends: how far each is, what was refused and why, and the ways to steer one."""

from collections import OrderedDict, deque
from typing import Any, Final

import orjson
from starlette.responses import Response

from waypost.contract.errors import ContractRefusal
from waypost.contract.requests import parse_entry
from waypost.domain.bulk import BULK_TRANSITIONS, BulkState, columns_of, fill
from waypost.domain.ids import BEFORE_ALL
from waypost.domain.users import Role
from waypost.store.bulk import BulkRecord, count_outcomes, count_unsent, list_bulks, list_refused, list_rows
from waypost.store.content import encode_content
from waypost.store.transaction import Tx
from waypost.web.console.bubble_parts import Bubble
from waypost.web.console.bubbles import Stored, show_all
from waypost.web.console.context import Console
from waypost.web.console.routing import ConsoleRoute, action, page
from waypost.web.console.tables import Column, Listing, Rows, rows_by_key
from waypost.web.console.visit import Visit
from waypost.web.manage.bulk_editing import cancel_bulk, pause_bulk, start_bulk
from waypost.web.manage.bulk_following import cancel_all_messages, found_bulk, open_result
from waypost.web.manage.bulk_models import outcome_of
from waypost.web.manage.traffic_views import status_name

_UNSENT_COUNTED_MAX: Final = 100_000
_REFUSED_LOOKED_AT: Final = 20_000
"""Rows looked at for one page of refused ones."""
_RATES_KEPT: Final = 100
_RATE_SPAN_US: Final = 20_000_000
_POSITION_DIGITS_MAX: Final = 10
_COLUMNS: Final = (
    Column(key="created_at", title="Made", kind="time"),
    Column(key="name", title="Name", link="path"),
    Column(key="state", title="State", kind="status"),
    Column(key="total", title="Rows", kind="count"),
    Column(key="accepted", title="Accepted", kind="count"),
    Column(key="refused", title="Refused", kind="count"),
    Column(key="pending", title="To do", kind="count"),
    Column(key="ended_at", title="Ended", kind="time"),
)
_REFUSED_COLUMNS: Final = (
    Column(key="row", title="Row", kind="count"),
    Column(key="recipient", title="Recipient", kind="number"),
    Column(key="remark", title="Why"),
)


class Rates:
    """How fast bulk sends go, from what pages have seen of them in the last seconds; of the last hundred looked at."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, deque[tuple[int, int]]] = OrderedDict()

    def note(self, bulk_id: str, *, settled: int, now_us: int) -> float | None:
        """Take in how many rows are settled now; return rows a second, None while there is only one look."""
        looks = self._seen.setdefault(bulk_id, deque(maxlen=64))
        self._seen.move_to_end(bulk_id)
        while len(self._seen) > _RATES_KEPT:
            self._seen.popitem(last=False)
        while looks and looks[0][0] < now_us - _RATE_SPAN_US:
            looks.popleft()
        looks.append((now_us, settled))
        first_us, first = looks[0]
        return None if now_us <= first_us else (settled - first) * 1e6 / (now_us - first_us)


class BulkPage:
    """The list, and the page of one."""

    def __init__(self, console: Console) -> None:
        self._manage = console.manage
        self._rates = Rates()

    def routes(self) -> list[ConsoleRoute]:
        """Return the routes."""
        operator = Role.OPERATOR
        return [
            page("/bulk", self.list_all),
            page("/bulk/rows", self.rows),
            page("/bulk/{bulk_id}", self.show),
            page("/bulk/{bulk_id}/part", self.part),
            page("/bulk/{bulk_id}/outcomes", self.outcomes),
            page("/bulk/{bulk_id}/result.csv", self.result),
            action("/bulk/{bulk_id}/start", self.start, operator),
            action("/bulk/{bulk_id}/pause", self.pause, operator),
            action("/bulk/{bulk_id}/cancel", self.cancel, operator),
        ]

    async def list_all(self, visit: Visit) -> Response:
        """List bulk sends, newest first."""
        listing = self._listing(visit)
        if visit.wants_file:
            return await listing.file(visit)
        return visit.page("bulk.html", table=await listing.table(visit), is_live=visit.cursor is None)

    async def rows(self, visit: Visit) -> Response:
        """Return the list alone, for a page that is open."""
        return visit.fragment("bulk_rows.html", table=await self._listing(visit).table(visit))

    async def show(self, visit: Visit) -> Response:
        """Show one bulk send; its refused rows are paged and can be saved."""
        values = await self._values(visit)
        listing = self._refused(visit, values["bulk"])
        if visit.wants_file:
            return await listing.file(visit)
        refused = await listing.table(visit) if values["bulk"].rows_refused else None
        return visit.page("bulk_one.html", **values, refused=refused, sample=await self._sample(visit, values["bulk"]))

    async def part(self, visit: Visit) -> Response:
        """Return what changes while the page is open."""
        return visit.fragment("bulk_part.html", **await self._values(visit))

    async def outcomes(self, visit: Visit) -> Response:
        """Count rows by what became of their messages; looks at every row, so the page asks now and then."""
        bulk_id = visit.part("bulk_id")

        def look(tx: Tx) -> tuple[BulkRecord, dict[tuple[int, int | None], int]]:
            return found_bulk(tx, visit.account_id, bulk_id), count_outcomes(tx, visit.account_id, bulk_id)

        with self._manage.exports.place(visit.account_id):
            bulk, counts = await visit.read(look)
        is_cancelled = bulk.state == BulkState.CANCELLED
        lines = [
            (outcome_of(state, is_cancelled=is_cancelled), "" if of is None else status_name(of), count)
            for (state, of), count in sorted(counts.items(), key=lambda one: (one[0][0], one[0][1] or 0))
        ]
        return visit.fragment("bulk_outcomes.html", bulk=bulk, lines=lines)

    async def result(self, visit: Visit) -> Response:
        """Stream what became of every row, as CSV; numbers as the visitor may see them."""
        bulk_id = visit.part("bulk_id")
        with self._manage.exports.place(visit.account_id) as place:
            lines = await open_result(self._manage, visit.account_id, bulk_id, number=visit.number)
            return place.stream(lines, media_type="text/csv; charset=utf-8", filename=f"{bulk_id}.result.csv")

    async def start(self, visit: Visit) -> Response:
        """Let a draft or a paused one run."""
        bulk_id, editor = visit.part("bulk_id"), visit.editor
        await visit.change(lambda tx: start_bulk(tx, editor, visit.account_id, bulk_id))
        self._manage.feed_now()
        return visit.redirect(f"/bulk/{bulk_id}", notice="It runs: its rows become messages.")

    async def pause(self, visit: Visit) -> Response:
        """Make no more messages of its rows for now."""
        bulk_id, editor = visit.part("bulk_id"), visit.editor
        await visit.change(lambda tx: pause_bulk(tx, editor, visit.account_id, bulk_id))
        return visit.redirect(f"/bulk/{bulk_id}", notice="Paused. Messages that are made already go out.")

    async def cancel(self, visit: Visit) -> Response:
        """Cancel it for good, with the messages that wait if the form says so."""
        bulk_id, editor = visit.part("bulk_id"), visit.editor
        await visit.change(lambda tx: cancel_bulk(tx, editor, visit.account_id, bulk_id))
        if visit.field("messages") == "yes":
            await cancel_all_messages(self._manage, editor, visit.account_id, bulk_id)
        return visit.redirect(f"/bulk/{bulk_id}", notice="Cancelled for good.")

    async def _values(self, visit: Visit) -> dict[str, Any]:
        bulk_id, now_us = visit.part("bulk_id"), self._manage.clock.now_us()

        def look(tx: Tx) -> tuple[BulkRecord, int]:
            bulk = found_bulk(tx, visit.account_id, bulk_id)
            return bulk, count_unsent(tx, visit.account_id, bulk_id, at_most=_UNSENT_COUNTED_MAX)

        bulk, unsent = await visit.read(look)
        settled = bulk.rows_accepted + bulk.rows_refused
        rate = self._rates.note(bulk_id, settled=settled, now_us=now_us) if bulk.state == BulkState.RUNNING else None
        left = bulk.rows_total - settled
        may = BULK_TRANSITIONS[BulkState(bulk.state)]
        return {
            "bulk": bulk,
            "here": f"/console/bulk/{bulk_id}",
            "settled": settled,
            "pending": left,
            "unsent": unsent,
            "unsent_max": _UNSENT_COUNTED_MAX,
            "rate": None if rate is None else round(rate, 1),
            "left_us": left / rate * 1e6 if rate else None,
            "may_start": BulkState.RUNNING in may and bulk.rows_total > 0,
            "may_pause": BulkState.PAUSED in may,
            "may_cancel": BulkState.CANCELLED in may,
            "entry": orjson.loads(bulk.entry),
        }

    async def _sample(self, visit: Visit, bulk: BulkRecord) -> Bubble | None:
        """Return what the first row's message looks like; None where there is no row, or it would be refused."""

        def look(tx: Tx) -> Bubble | None:
            rows = list_rows(tx, visit.account_id, bulk.id, first=0, at_most=1)
            entry = orjson.loads(bulk.entry)
            if not rows or not columns_of(entry) <= orjson.loads(rows[0].fields).keys():
                return None
            filled = {**fill(entry, orjson.loads(rows[0].fields)), "recipient_whatsapp": rows[0].recipient}
            now_us = self._manage.clock.now_us()
            draft = parse_entry(filled, source_policy=visit.account.source_policy, now_us=now_us)
            if isinstance(draft, ContractRefusal):
                return None
            snapshot = self._manage.directory.now
            source = snapshot.source_of(visit.account_id, draft.source_given if draft.names_source else None)
            stored = Stored(
                is_inbound=False,
                kind=draft.kind.value,
                content=encode_content(draft.content),
                source_id="" if source is None else source.id,
            )
            return show_all(tx, visit.account_id, [stored], sources=snapshot.sources)[0]

        return await visit.read(look)

    def _listing(self, visit: Visit) -> Listing:
        async def fetch(cursor: str | None, at_most: int) -> Rows:
            found = await visit.read(
                lambda tx: list_bulks(tx, visit.account_id, before=cursor or BEFORE_ALL, at_most=at_most)
            )
            return rows_by_key(found, _row, key=lambda bulk: bulk.id, at_most=at_most)

        return Listing(
            name="bulk-sends",
            columns=_COLUMNS,
            fetch=fetch,
            path="/console/bulk",
            empty="There is no bulk send yet. Make one of a file of recipients.",
        )

    def _refused(self, visit: Visit, bulk: BulkRecord) -> Listing:
        async def fetch(cursor: str | None, at_most: int) -> Rows:
            first = int(cursor) if cursor and cursor.isdecimal() and len(cursor) <= _POSITION_DIGITS_MAX else 0
            end = first + _REFUSED_LOOKED_AT
            found = await visit.read(
                lambda tx: list_refused(tx, visit.account_id, bulk.id, first=first, end=end, at_most=at_most)
            )
            following = found[-1].position + 1 if len(found) == at_most else end
            return Rows(
                rows=[
                    {"row": one.position + 1, "recipient": one.recipient, "remark": one.refusal or ""} for one in found
                ],
                next_cursor=str(following) if following < bulk.rows_total else None,
            )

        return Listing(
            name="refused-rows",
            columns=_REFUSED_COLUMNS,
            fetch=fetch,
            empty="No refused row among those looked at; go on if there is a next page.",
        )


def _row(bulk: BulkRecord) -> dict[str, Any]:
    return {
        "created_at": bulk.created_at_us,
        "name": bulk.name,
        "path": f"/console/bulk/{bulk.id}",
        "state": bulk.state,
        "total": bulk.rows_total,
        "accepted": bulk.rows_accepted,
        "refused": bulk.rows_refused,
        "pending": bulk.rows_total - bulk.rows_accepted - bulk.rows_refused,
        "ended_at": bulk.ended_at_us,
        "id": bulk.id,
    }
