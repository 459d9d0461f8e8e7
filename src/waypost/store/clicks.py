"""Messages whose tracked links are opened."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from waypost.domain.message import Content, MessageKind
from waypost.store.content import decode_content
from waypost.store.statements import Sql
from waypost.store.tallies import TallyEvent, TallyKey, hour_of, keep_tallies
from waypost.store.transaction import Tx

_FIND_TEXT: Final = (
    "SELECT m.id, m.account_id, m.source_id, COALESCE(m.template_name, ''), m.kind, m.content, m.track_links, "
    "m.clicked_at_us FROM messages m WHERE m.id = ANY(:ids) ORDER BY m.id"
)
_FIND: Final = Sql(_FIND_TEXT)
_HOLD: Final = Sql(_FIND_TEXT + " FOR UPDATE")
_SAVE: Final = Sql(
    "UPDATE messages SET clicked_at_us = COALESCE(messages.clicked_at_us, CAST(:now_us AS BIGINT)), "
    "clicks = messages.clicks + v.number FROM ROWS(:id text, :number integer) AS v WHERE messages.id = v.id"
)


@dataclass(frozen=True, slots=True)
class LinkedMessage:
    """A message with links, held until the transaction ends; ``stored`` is ``""`` once retention has taken it."""

    id: str
    account_id: str
    source_id: str
    template: str
    kind: str
    stored: str
    track_links: int
    clicked_at_us: int | None

    def content(self) -> Content | None:
        """Return what the message says, None once it is gone."""
        return decode_content(MessageKind(self.kind), self.stored) if self.stored else None


def find_linked(tx: Tx, message_id: str) -> LinkedMessage | None:
    """Return a message, for whoever only looks where its links lead."""
    row = tx.one(_FIND, ids=[message_id])
    return None if row is None else LinkedMessage(*row)


def hold_linked(tx: Tx, message_ids: Sequence[str]) -> dict[str, LinkedMessage]:
    """Return those messages there are, by id."""
    return {row[0]: LinkedMessage(*row) for row in tx.rows(_HOLD, ids=sorted(set(message_ids)))}


def count_clicks(tx: Tx, clicks: Mapping[LinkedMessage, int], *, now_us: int) -> None:
    """Count so many clicks of each held message."""
    counts: dict[TallyKey, int] = {}
    for message, number in clicks.items():
        key = (message.account_id, hour_of(now_us), message.source_id, message.template)
        counts[*key, TallyEvent.CLICK.value, ""] = counts.get((*key, TallyEvent.CLICK.value, ""), 0) + number
        if message.clicked_at_us is None:
            counts[*key, TallyEvent.CLICKED.value, ""] = counts.get((*key, TallyEvent.CLICKED.value, ""), 0) + 1
    if clicks:
        tx.run(_SAVE, now_us=now_us, id=[message.id for message in clicks], number=list(clicks.values()))
    keep_tallies(tx, counts)
