"""The account's sending numbers: how they fare, what they are, and changes to them."""

from typing import Any, Final

from starlette.responses import Response

from waypost.domain.message import MessageState
from waypost.domain.users import Role
from waypost.store.inspection import MessageRow, measure_queues
from waypost.store.latencies import SendingRate, measure_sending
from waypost.store.searching import MessageFilter, search_messages
from waypost.store.sources import SourceRecord, find_source, list_sources, new_verify_token
from waypost.store.transaction import Tx
from waypost.web.console.context import PREFIX, Console
from waypost.web.console.forms import UNSET, build_request
from waypost.web.console.number_facts import NumberFacts, ask_number
from waypost.web.console.routing import ConsoleRoute, action, page
from waypost.web.console.visit import Visit
from waypost.web.manage.editing import add_source, alter_source, halt_source, remove_source, restart_source
from waypost.web.manage.problems import not_found
from waypost.web.manage.requests import PaceRequest, SourceChange, SourceCreation, SourcePause

_SOURCES_MAX: Final = 200
_LAST_MESSAGES: Final = 10
_MINUTE_SECONDS: Final = 60
_TEXTS: Final = ("name", "phone_number", "phone_number_id", "waba_id", "provider", "access_token", "app_secret")


class SourcesPage:
    """Sources: list, one, pause and resume, make and change, delete. Secrets go in and never come out."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._settings = console.manage.settings

    def routes(self) -> list[ConsoleRoute]:
        """Return the routes; those with a word in the place of an id stand first."""
        one = "/sources/{source_id}"
        return [
            page("/sources", self.show_all),
            page("/sources/tiles", self.tiles),
            page("/sources/new", self.show_new, Role.ADMIN),
            action("/sources", self.create, Role.ADMIN),
            page(one, self.show),
            page(f"{one}/health", self.health),
            action(f"{one}/ask", self.ask, Role.OPERATOR),
            action(f"{one}/pause", self.pause, Role.OPERATOR),
            action(f"{one}/resume", self.resume, Role.OPERATOR),
            action(f"{one}/pace", self.change_pace, Role.ADMIN),
            action(f"{one}/default", self.make_default, Role.ADMIN),
            action(f"{one}/change", self.change, Role.ADMIN),
            action(f"{one}/verify-token", self.rotate_verify_token, Role.ADMIN),
            action(f"{one}/delete", self.delete, Role.ADMIN),
        ]

    async def show_all(self, visit: Visit) -> Response:
        """List the numbers, as tiles that keep themselves fresh."""
        return visit.page("sources.html", sources=await self._tiles(visit))

    async def tiles(self, visit: Visit) -> Response:
        """Answer with the tiles alone."""
        return visit.fragment("sources_tiles.html", sources=await self._tiles(visit))

    async def show(self, visit: Visit) -> Response:
        """Show one number."""
        return await self._show(visit, await self._found(visit))

    async def _show(
        self, visit: Visit, record: SourceRecord, *, verify_token: str = "", facts: NumberFacts | None = None
    ) -> Response:
        """Show one number; ``verify_token`` is a new one, shown this once."""
        return visit.page(
            "source.html",
            **await self._health(visit, record),
            verify_token=verify_token,
            facts=facts,
            callback_url=f"{self._settings.base_url}/webhooks/cloud_api/{record.id}",
        )

    async def health(self, visit: Visit) -> Response:
        """Answer with how one number fares."""
        return visit.fragment("source_health.html", **await self._health(visit, await self._found(visit)))

    async def ask(self, visit: Visit) -> Response:
        """Ask the provider what it says of the number, and show that."""
        record = await self._found(visit)
        source = self._console.manage.directory.now.sources.get(record.id)
        if source is None:
            raise not_found("source")
        facts = await ask_number(self._console.manage.calls, source)
        if visit.is_htmx:
            return visit.page("source_facts.html", facts=facts)
        return await self._show(visit, record, facts=facts)

    async def pause(self, visit: Visit) -> Response:
        """Stop sending from the number; what is queued waits."""
        request = build_request(SourcePause, reason=visit.field("reason"))
        editor, source_id = visit.editor, visit.part("source_id")
        await visit.change(lambda tx: halt_source(tx, editor, visit.account_id, source_id, reason=request.reason))
        return visit.redirect(f"/sources/{source_id}", notice="It is paused; what is queued waits.")

    async def resume(self, visit: Visit) -> Response:
        """Let the number send again."""
        editor, source_id = visit.editor, visit.part("source_id")
        await visit.change(lambda tx: restart_source(tx, editor, visit.account_id, source_id))
        self._console.manage.dispatch_now()
        return visit.redirect(f"/sources/{source_id}", notice="It sends again.")

    async def show_new(self, visit: Visit) -> Response:
        """Show the form for a number whose facts are known."""
        return visit.page("source_new.html")

    async def create(self, visit: Visit) -> Response:
        """Add a number as it was typed, without asking the provider."""
        request = build_request(
            SourceCreation,
            **{name: visit.field(name) for name in _TEXTS},
            is_default=visit.field("is_default") == "yes",
            has_groups=visit.field("has_groups") == "yes",
        )
        editor, default_provider = visit.editor, self._settings.default_provider
        record, verify_token = await visit.change(
            lambda tx: add_source(tx, editor, visit.account_id, request, default_provider=default_provider)
        )
        return await self._show(visit, record, verify_token=verify_token)

    async def change(self, visit: Visit) -> Response:
        """Change name, ids, flags, and secrets where new ones were typed."""
        request = build_request(
            SourceChange,
            **{name: visit.field(name) for name in _TEXTS},
            has_groups=visit.field("has_groups") == "yes",
        )
        return await self._change(visit, request, notice="It is changed.")

    async def change_pace(self, visit: Visit) -> Response:
        """Change how fast it sends; two empty fields mean the gateway's own pace."""
        rate, burst = visit.field("rate_per_second"), visit.field("burst")
        if not rate and not burst:
            return await self._change(visit, build_request(SourceChange, pace=UNSET), notice="It has the usual pace.")
        pace = build_request(PaceRequest, rate_per_second=rate, burst=burst)
        return await self._change(visit, SourceChange(pace=pace), notice="The pace is changed.")

    async def make_default(self, visit: Visit) -> Response:
        """Let messages that name no source go out here."""
        return await self._change(visit, SourceChange(is_default=True), notice="It is the default source now.")

    async def rotate_verify_token(self, visit: Visit) -> Response:
        """Make a new verify token, and show it this once."""
        token, editor, source_id = new_verify_token(), visit.editor, visit.part("source_id")
        request = build_request(SourceChange, verify_token=token)
        record = await visit.change(lambda tx: alter_source(tx, editor, visit.account_id, source_id, request))
        return await self._show(visit, record, verify_token=token)

    async def delete(self, visit: Visit) -> Response:
        """Take a number out of use for good; its messages stay."""
        editor, source_id = visit.editor, visit.part("source_id")
        await visit.change(lambda tx: remove_source(tx, editor, visit.account_id, source_id))
        return visit.redirect("/sources", notice="The source is deleted; its messages stay to be looked up.")

    async def _change(self, visit: Visit, request: SourceChange, *, notice: str) -> Response:
        editor, source_id = visit.editor, visit.part("source_id")
        await visit.change(lambda tx: alter_source(tx, editor, visit.account_id, source_id, request))
        return visit.redirect(f"/sources/{source_id}", notice=notice)

    async def _found(self, visit: Visit) -> SourceRecord:
        source_id = visit.part("source_id")
        record = await visit.read(lambda tx: find_source(tx, visit.account_id, source_id))
        if record is None:
            raise not_found("source")
        return record

    async def _tiles(self, visit: Visit) -> list[dict[str, Any]]:
        now_us = self._console.manage.clock.now_us()

        def look(tx: Tx) -> list[dict[str, Any]]:
            queues = {queue.source_id: queue for queue in measure_queues(tx, visit.account_id)}
            rates = {rate.source_id: rate for rate in measure_sending(tx, visit.account_id, now_us=now_us)}
            return [
                {"source": record, "queue": queues.get(record.id), **_sent(rates.get(record.id))}
                for record in list_sources(tx, visit.account_id, at_most=_SOURCES_MAX)
            ]

        return await visit.read(look)

    async def _health(self, visit: Visit, record: SourceRecord) -> dict[str, Any]:
        dispatch, now_us = self._settings.dispatch, self._console.manage.clock.now_us()
        rate = dispatch.number_rate_per_second if record.pace is None else record.pace.rate

        def look(tx: Tx) -> dict[str, Any]:
            queues = measure_queues(tx, visit.account_id, source_id=record.id)
            rates = measure_sending(tx, visit.account_id, now_us=now_us, source_id=record.id)
            wanted = MessageFilter(source_id=record.id)
            last = search_messages(tx, visit.account_id, wanted, at_most=_LAST_MESSAGES).rows
            sent = rates[0] if rates else None
            return {
                "source": record,
                "queue": queues[0] if queues else None,
                "last": [_tried(row) for row in last],
                "chart": _chart(sent, now_us=now_us, limit=rate * _MINUTE_SECONDS),
                "usual_pace": (dispatch.number_rate_per_second, dispatch.number_burst),
                **_sent(sent),
            }

        return await visit.read(look)


def _sent(rate: SendingRate | None) -> dict[str, int]:
    return {"sent_in_hour": 0 if rate is None else sum(rate.per_minute)}


def _chart(rate: SendingRate | None, *, now_us: int, limit: float) -> dict[str, Any]:
    """Return what was sent a minute; the limit is a line of its own once the number comes near it."""
    values = [] if rate is None else list(rate.per_minute)
    if not any(values):
        return {"x": [], "unit": "", "series": []}
    last = now_us // 60_000_000 * 60
    series = [{"name": "sent a minute", "values": values}]
    if max(values) * 5 > limit:
        series.append({"name": "limit", "values": [round(limit)] * len(values)})
    return {"x": [last - 60 * place for place in reversed(range(len(values)))], "unit": "", "series": series}


def _tried(row: MessageRow) -> dict[str, Any]:
    return {
        **row._asdict(),
        "status": MessageState(row.state).name.lower(),
        "path": f"{PREFIX}/messages/{row.id}",
    }
