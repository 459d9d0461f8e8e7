"""
Which candidates may start now: decided message by message, written set by set.

A message that may not start yet is parked with a time and a reason, so that the queue's head is always something new.
"""

from collections.abc import Sequence
from typing import Final

from waypost.dispatch.round import Claim, Round, RoundResult, news_of_failure
from waypost.dispatch.templates import TemplateFacts, fallen_back
from waypost.domain.conversation import WINDOW_MARGIN_SECONDS, is_window_open
from waypost.domain.errors import FailureReason
from waypost.domain.message import MessageKind, MessageState, RecipientType
from waypost.domain.policy import PolicyFacts, judge
from waypost.domain.status import Announced
from waypost.outbox import News
from waypost.store.acceptance import RecipientFacts, load_recipients
from waypost.store.claiming import (
    AttemptStart,
    Candidate,
    LaneKey,
    end_messages,
    load_context_wamids,
    load_waiting_heads,
    park_messages,
    save_fallen_back,
    write_intents,
)
from waypost.store.consents import hold_consents
from waypost.store.provider_media import ReadyMedia, load_provider_media
from waypost.store.transaction import Tx

LANE_WAIT_SECONDS: Final = 60.0
"""
How long a message behind another waits before it asks again by itself.

It is woken when the one before it ends; this is for the case that the waker's memory was lost.
"""


class Judgement:
    """The verdicts on one round's candidates, and what is written for them."""

    def __init__(self, tx: Tx, round_: Round, candidates: Sequence[Candidate], *, url_fresh_us: int) -> None:
        """``url_fresh_us``: a URL's content is sent without asking its server again for so long."""
        self._tx = tx
        self._round = round_
        self._url_fresh_us = url_fresh_us
        self._blocked: set[LaneKey] = set()
        self._parked: list[tuple[int, str, str]] = []
        self._crowd: dict[LaneKey, int] = {}
        self._ended: list[tuple[int, str, int, int, str]] = []
        self._heads = load_waiting_heads(tx, [(c.source_id, c.recipient) for c in candidates])
        hold_consents(tx, [(c.account_id, c.recipient) for c in candidates])
        self._facts = load_recipients(tx, [(c.account_id, c.source_id, c.recipient) for c in candidates])
        candidates = self._candidates = [
            self._as_it_would_go(candidate, facts) for candidate, facts in zip(candidates, self._facts, strict=True)
        ]
        self._fallen_back: list[Candidate] = []
        self._templates = TemplateFacts(tx, round_.snapshot, candidates)
        media_keys = [(c.account_id, c.source_id, c.media_key) for c in candidates if c.media_key is not None]
        self._media = load_provider_media(tx, media_keys, round_.now_us) if media_keys else {}
        contexts = [(c.account_id, c.context_id) for c in candidates if c.context_id is not None]
        self._contexts = load_context_wamids(tx, contexts) if contexts else {}

    def decide(self, result: RoundResult, news: list[News]) -> None:
        for candidate, facts in zip(self._candidates, self._facts, strict=True):
            self._decide_one(candidate, facts, result, news)
        round_ = self._round
        save_fallen_back(self._tx, self._fallen_back)
        write_intents(
            self._tx,
            [
                AttemptStart(
                    message_id=claim.candidate.id,
                    number=claim.number,
                    account_id=claim.candidate.account_id,
                    source_id=claim.candidate.source_id,
                    epoch=round_.epochs[claim.candidate.source_id],
                )
                for claim in result.claims
            ],
            node=round_.node,
            now_us=round_.now_us,
        )
        park_messages(self._tx, self._parked)
        end_messages(self._tx, self._ended)

    def _decide_one(self, candidate: Candidate, facts: RecipientFacts, result: RoundResult, news: list[News]) -> None:
        round_, lane = self._round, (candidate.source_id, candidate.recipient)
        if candidate.expires_at_us is not None and candidate.expires_at_us <= round_.policy_now_us:
            self._end(candidate, MessageState.EXPIRED, FailureReason.EXPIRED, result, news)
            return
        if lane in self._blocked or candidate.recipient in round_.occupied[candidate.source_id]:
            self._park_behind(candidate, lane, result)
            return
        if self._is_behind_waiting(candidate):
            self._park_behind(candidate, lane, result)
            return
        rest_seconds = round_.pair_wait_seconds(*lane)
        if rest_seconds > 0:
            self._blocked.add(lane)
            self._park(candidate, rest_seconds, "pair", result)
            return
        if candidate.fallback is not None and candidate.template_name is not None:
            self._fallen_back.append(candidate)
        reason = self._refusal(candidate, facts)
        if reason is not None:
            self._end(candidate, MessageState.FAILED, reason, result, news)
            return
        self._blocked.add(lane)
        media = None
        if candidate.media_key is not None:
            key = (candidate.account_id, candidate.source_id, candidate.media_key)
            media = self._media.get(key)
            if media is None or not self._is_fresh(media, candidate):
                result.media_needed[key] = candidate
                self._park(candidate, LANE_WAIT_SECONDS, "media", result)
                return
        result.claims.append(
            Claim(
                candidate=candidate,
                number=candidate.attempt_number + 1,
                started_at_us=round_.now_us,
                media=media,
                context_wamid=self._context_wamid(candidate),
                template_shape=self._templates.shape_of(candidate),
            )
        )

    def _as_it_would_go(self, candidate: Candidate, facts: RecipientFacts) -> Candidate:
        """Return the message as the template it falls back to, if it has one and the window is closed."""
        if candidate.fallback is None or is_window_open(
            MessageKind(candidate.kind),
            closes_at_us=facts.window_closes_at_us,
            now_us=self._round.policy_now_us,
            margin_seconds=WINDOW_MARGIN_SECONDS,
        ):
            return candidate
        return fallen_back(candidate)

    def _is_fresh(self, media: ReadyMedia, candidate: Candidate) -> bool:
        """Say whether a file may be sent as it is: asked for lately, or since this message was accepted."""
        # The latter, or a message would wait for ever where every use must ask.
        asked_after_us = min(self._round.now_us - self._url_fresh_us, candidate.accepted_at_us)
        return media.checked_at_us is None or media.checked_at_us > asked_after_us

    def _is_behind_waiting(self, candidate: Candidate) -> bool:
        """Say whether a message of the same lane, earlier in order, waits."""
        if not self._heads:
            return False
        for priority in range(candidate.priority + 1):
            head = self._heads.get((candidate.source_id, candidate.recipient, priority))
            if head is not None and (priority, head) < (candidate.priority, candidate.id):
                return True
        return False

    def _refusal(self, candidate: Candidate, facts: RecipientFacts) -> FailureReason | None:
        source = self._round.snapshot.sources.get(candidate.source_id)
        account = self._round.snapshot.accounts.get(candidate.account_id)
        if source is None or account is None:
            return FailureReason.UNKNOWN_SOURCE
        if candidate.context_id is not None and self._context_wamid(candidate) is None:
            return FailureReason.INVALID_CONTEXT
        return judge(
            PolicyFacts(
                has_source=True,
                has_groups=source.has_groups,
                consent=facts.consent,
                window_closes_at_us=facts.window_closes_at_us,
                template_fault=self._templates.fault_of(candidate),
                skip_optin=account.skip_optin,
                implicit_optin=account.implicit_optin,
            ),
            kind=MessageKind(candidate.kind),
            recipient_type=RecipientType.GROUP if candidate.is_group else RecipientType.INDIVIDUAL,
            now_us=self._round.policy_now_us,
            window_margin_seconds=WINDOW_MARGIN_SECONDS,
        )

    def _context_wamid(self, candidate: Candidate) -> str | None:
        """Return the provider's id of the quoted message: looked up if the id is ours, else taken as it stands."""
        if candidate.context_id is None:
            return None
        key = (candidate.account_id, candidate.context_id)
        return self._contexts.get(key, candidate.context_id)

    def _park_behind(self, candidate: Candidate, lane: LaneKey, result: RoundResult) -> None:
        self._blocked.add(lane)
        place = self._round.crowd.get(lane, 0) + self._crowd.get(lane, 0) + 1
        self._crowd[lane] = self._crowd.get(lane, 0) + 1
        wait_seconds = max(LANE_WAIT_SECONDS, place * self._round.pair_interval_seconds)
        self._park(candidate, wait_seconds, "lane", result)

    def _park(self, candidate: Candidate, wait_seconds: float, reason: str, result: RoundResult) -> None:
        self._parked.append((self._round.now_us + int(wait_seconds * 1_000_000), reason, candidate.id))
        if reason != "media":
            result.parked.append((candidate.source_id, candidate.recipient))

    def _end(
        self,
        candidate: Candidate,
        state: MessageState,
        reason: FailureReason,
        result: RoundResult,
        news: list[News],
    ) -> None:
        now_us = self._round.now_us
        self._ended.append((int(state), reason.value, now_us, int(Announced.FAILED), candidate.id))
        result.ended.append(candidate)
        result.refused[reason] = result.refused.get(reason, 0) + 1
        news.append(news_of_failure(candidate, reason, now_us))
