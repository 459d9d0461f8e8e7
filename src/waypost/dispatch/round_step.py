"""One round, applied in its transaction on the writer's thread: settle, release, promote, claim, tell."""

from collections.abc import Sequence

from waypost.dispatch.judgement import Judgement
from waypost.dispatch.round import Round, RoundResult
from waypost.dispatch.settlement import settle
from waypost.outbox import News, tell
from waypost.ports import IdFactory
from waypost.store.claiming import find_lane_heads, load_candidates, park_messages, promote_due
from waypost.store.quarantine import load_queued_one, promote_others
from waypost.store.transaction import Tx


class RoundStep:
    """Applies rounds; kept apart from the dispatcher because it runs on the writer's thread."""

    def __init__(self, ids: IdFactory, *, url_fresh_seconds: float) -> None:
        self._ids = ids
        self._url_fresh_us = int(url_fresh_seconds * 1_000_000)

    def apply(self, tx: Tx, rounds: Sequence[Round]) -> Sequence[RoundResult]:
        """Apply each round; the dispatcher never has two under way."""
        return [self._apply(tx, round_) for round_ in rounds]

    def _apply(self, tx: Tx, round_: Round) -> RoundResult:
        result = RoundResult()
        news: list[News] = []
        if round_.settlements:
            result.told = settle(tx, round_, self._ids, news)
        if round_.released:
            _release(tx, round_, result)
        if not round_.withheld:
            result.promoted, result.next_due_us = promote_due(tx, now_us=round_.now_us, places=round_.promotions)
        else:
            result.promoted, result.next_due_us = promote_others(
                tx, round_.withheld, now_us=round_.now_us, places=round_.promotions
            )
        if round_.places:
            self._claim(tx, round_, result, news)
        if news:
            result.told += tell(tx, round_.snapshot, self._ids, news, now_us=round_.now_us)
        return result

    def _claim(self, tx: Tx, round_: Round, result: RoundResult, news: list[News]) -> None:
        if round_.chosen is None:
            candidates = load_candidates(tx, round_.places)
        else:
            candidates = load_queued_one(tx, round_.chosen)
        counts: dict[str, int] = {}
        for candidate in candidates:
            counts[candidate.source_id] = counts.get(candidate.source_id, 0) + 1
        result.short = {source_id for source_id, places in round_.places.items() if counts.get(source_id, 0) < places}
        if candidates:
            Judgement(tx, round_, candidates, url_fresh_us=self._url_fresh_us).decide(result, news)


def _release(tx: Tx, round_: Round, result: RoundResult) -> None:
    """Let the next message of each lane go when its pair has rested; what waits for a retry keeps its time."""
    heads = find_lane_heads(tx, list(round_.released))
    rows: list[tuple[int, str, str]] = []
    for lane, wait_seconds in round_.released.items():
        head = heads.get(lane)
        if head is None:
            result.emptied.add(lane)
        elif head[1] in {"lane", "pair"}:
            rows.append((round_.now_us + int(wait_seconds * 1_000_000), "pair", head[0]))
    park_messages(tx, rows)
    result.released = len(rows)
