"""One message that came in: what it says, and who was told of it."""

from typing import Any

import orjson
from starlette.responses import Response

from waypost.domain.users import Role
from waypost.store.message_facts import InboundFacts, Named, find_inbound, find_named
from waypost.store.transaction import Tx
from waypost.web.console.bubble_parts import Bubble, Envelope
from waypost.web.console.bubbles import Stored, show_all
from waypost.web.console.context import Console
from waypost.web.console.message import look_at_webhooks, replay_webhooks, replayed_notice
from waypost.web.console.message_story import Told, webhook_moments
from waypost.web.console.routing import ConsoleRoute, action, page
from waypost.web.console.visit import Visit
from waypost.web.manage.problems import not_found


class InboundPage:
    """The page of one inbound message."""

    def __init__(self, console: Console) -> None:
        self._manage = console.manage

    def routes(self) -> list[ConsoleRoute]:
        """Return the routes."""
        return [
            page("/inbound/{message_id}", self.show),
            page("/inbound/{message_id}/part", self.part),
            action("/inbound/{message_id}/replay", self.replay, Role.OPERATOR),
        ]

    async def show(self, visit: Visit) -> Response:
        """Show the whole page."""
        return visit.page("inbound.html", **await self._values(visit))

    async def part(self, visit: Visit) -> Response:
        """Return the part that changes while the page is open."""
        return visit.fragment("inbound_part.html", **await self._values(visit))

    async def replay(self, visit: Visit) -> Response:
        """Tell its webhooks again."""
        message_id = visit.part("message_id")
        if await visit.read(lambda tx: find_inbound(tx, visit.account_id, message_id)) is None:
            raise not_found("message")
        count = await replay_webhooks(visit, message_id, is_inbound=True)
        return visit.redirect(f"/inbound/{message_id}", notice=replayed_notice(count))

    async def _values(self, visit: Visit) -> dict[str, Any]:
        facts, bubble, told, quoted = await visit.read(lambda tx: self._look(tx, visit))
        source = self._manage.directory.now.sources.get(facts.source_id)
        payload = orjson.loads(facts.payload) if facts.payload else {}
        return {
            "facts": facts,
            "bubble": bubble,
            "told": told,
            "moments": webhook_moments(told),
            "quoted": quoted,
            "profile_name": payload.get("profile_name") or "",
            "is_group": facts.chat != facts.sender,
            "source_name": "gone" if source is None else source.name,
            "may_replay": any(one.may_replay for one in told),
            "here": f"/console/inbound/{facts.id}",
            "part_path": f"/console/inbound/{facts.id}/part",
            "hide": lambda text: visit.without_numbers(text, facts.sender, payload.get("from_number")),
        }

    def _look(self, tx: Tx, visit: Visit) -> tuple[InboundFacts, Bubble, list[Told], Named | None]:
        account_id, message_id = visit.account_id, visit.part("message_id")
        facts = find_inbound(tx, account_id, message_id)
        if facts is None:
            raise not_found("message")
        stored = Stored(
            is_inbound=True,
            kind=facts.kind,
            content=facts.payload,
            source_id=facts.source_id,
            media_id=facts.media_id,
            envelope=Envelope(id=facts.id, at_us=facts.received_at_us),
        )
        bubble = show_all(tx, account_id, [stored], sources=self._manage.directory.now.sources)[0]
        quoted = find_named(tx, account_id, bubble.quotes) if bubble.quotes else None
        return facts, bubble, look_at_webhooks(tx, visit, message_id), quoted
