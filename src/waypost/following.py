"""
Applying what upstream says of messages, inside the transaction of whoever learnt it.

The ingester calls ``follow`` with the statuses of a webhook; the dispatcher calls ``follow_parked`` when it has bound a
message to the provider's id, for the statuses that were faster than the answer to its POST. Both join facts by the
rules of ``domain.status``, so that it does not matter who comes first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from waypost.contract.events import StatusNotice
from waypost.domain.errors import FailureReason
from waypost.domain.message import MessageState
from waypost.domain.status import Announced, Status, StatusFact, StatusFacts, join_state, statuses_to_announce
from waypost.domain.value import value
from waypost.outbox import News, Notice, StatusNews, tell
from waypost.ports import IdFactory
from waypost.store.directory import Snapshot
from waypost.store.following import (
    FollowedMessage,
    Proof,
    load_followed,
    prove_attempts,
    save_followed,
    take_parked,
)
from waypost.store.status_tallies import count_status
from waypost.store.tallies import TallyKey, keep_tallies
from waypost.store.transaction import Row, Tx

OUTCOME_RESOLVED: Final = "resolved"
"""Of an attempt whose end was lost, and which a status has shown to have arrived."""

_STATES: Final = {int(state): state for state in MessageState}
_ANNOUNCED: Final = {flags: Announced(flags) for flags in range(16)}


@value
class StatusReport:
    """
    One status, assigned to one message.

    ``number`` is the attempt that a genuine token names; None if the message was found by the provider's id alone: that
    proves nothing new.
    """

    source_id: str
    message_id: str
    wamid: str
    number: int | None
    fact: StatusFact


@dataclass(slots=True)
class Followed:
    """What came of the reports: how many were told, resolved doubts, duplicates, and which matched no message."""

    told: int = 0
    resolved: int = 0
    duplicates: int = 0
    unmatched: int = 0


@dataclass(slots=True)
class _Changes:
    rows: list[Row]
    news: list[News]
    proofs: list[Proof]
    doubles: list[tuple[FollowedMessage, Proof, str]]
    bound: dict[str, str]
    counts: dict[TallyKey, int]


def follow(
    tx: Tx, snapshot: Snapshot, ids: IdFactory, reports: Sequence[StatusReport], *, now_us: int
) -> Followed:  # fmt: skip
    """
    Join reports to their messages: state, facts, proofs and news, all in this transaction.

    A report known already changes nothing. One whose message is gone, or belongs to another source, is left out and
    counted. The number of statements does not depend on the number of reports.
    """
    outcome = Followed()
    pending = reports
    while pending:
        changes = _Changes([], [], [], [], {}, {})
        _join(tx, pending, changes, outcome)
        _write(tx, changes, outcome, now_us=now_us)
        outcome.told += tell(tx, snapshot, ids, changes.news, now_us=now_us)
        # What a token has just bound may have been spoken of before by the provider's id alone.
        pending = _parked_reports(tx, changes.bound)
    return outcome


def follow_parked(
    tx: Tx, snapshot: Snapshot, ids: IdFactory, bound: Mapping[str, str], *, now_us: int
) -> Followed:  # fmt: skip
    """Apply the statuses parked under these ids of the provider, given with the message each is now bound to."""
    return follow(tx, snapshot, ids, _parked_reports(tx, bound), now_us=now_us)


def _parked_reports(tx: Tx, bound: Mapping[str, str]) -> list[StatusReport]:
    if not bound:
        return []
    return [
        StatusReport(
            source_id=parked.source_id,
            message_id=bound[parked.wamid],
            wamid=parked.wamid,
            number=None,
            fact=parked.fact,
        )
        for parked in take_parked(tx, list(bound))
    ]


def _join(tx: Tx, reports: Sequence[StatusReport], changes: _Changes, outcome: Followed) -> None:
    by_message: dict[str, list[StatusReport]] = {}
    for report in reports:
        by_message.setdefault(report.message_id, []).append(report)
    for message in load_followed(tx, sorted(by_message)):
        own = by_message.pop(message.id)
        told = [report for report in own if report.source_id == message.source_id]
        outcome.unmatched += len(own) - len(told)
        _join_message(message, told, changes, outcome)
    outcome.unmatched += sum(map(len, by_message.values()))


def _join_message(
    message: FollowedMessage, reports: Sequence[StatusReport], changes: _Changes, outcome: Followed
) -> None:
    failure = message.failure
    facts = known = StatusFacts(
        sent_at_us=message.sent_at_us,
        delivered_at_us=message.delivered_at_us,
        read_at_us=message.read_at_us,
        played_at_us=message.played_at_us,
        failed_at_us=message.failed_at_us,
        failure=None if failure is None else FailureReason(failure),
        failure_code=message.failure_code,
        failure_detail=message.failure_detail,
    )
    wamid, pricing, priced_at_us = message.wamid, message.pricing, message.priced_at_us
    for report in reports:
        fact = report.fact
        facts = facts.with_fact(fact)
        if fact.pricing is not None and (
            pricing is None or priced_at_us is None or (fact.occurred_at_us, fact.pricing) < (priced_at_us, pricing)
        ):
            # The earliest word stands, so that a message has one price however often and in whatever order it is told.
            pricing, priced_at_us = fact.pricing, fact.occurred_at_us
        if report.wamid != wamid and report.number is not None:
            proof = _proof(message, report.number, report.wamid)
            changes.proofs.append(proof)
            if wamid is None:
                wamid = report.wamid
                changes.bound[wamid] = message.id
            else:
                changes.doubles.append((message, proof, wamid))
    if facts is known and wamid == message.wamid and (priced_at_us, pricing) == (message.priced_at_us, message.pricing):
        return
    count_status(changes.counts, message, facts, pricing=pricing, priced_at_us=priced_at_us)
    state = join_state(_STATES[message.state], facts, is_accepted=wamid is not None)
    if message.state == MessageState.IN_DOUBT and state is not MessageState.IN_DOUBT:
        outcome.resolved += 1
    told, announced = statuses_to_announce(_ANNOUNCED[message.announced], facts)
    changes.news += [_status_news(message, status, facts) for status in told]
    changes.rows.append(
        (
            state.value,
            facts.sent_at_us,
            facts.delivered_at_us,
            facts.read_at_us,
            facts.played_at_us,
            facts.failed_at_us,
            facts.failure,
            facts.failure_code,
            facts.failure_detail,
            pricing,
            priced_at_us,
            announced.value,
            message.id,
        )
    )


def _proof(message: FollowedMessage, number: int, wamid: str) -> Proof:
    """Return the proof; an attempt whose answer is still awaited is closed by the one who waits."""
    is_open = message.state == MessageState.DISPATCHING and message.attempt_number == number
    return Proof(message.id, number, wamid, None if is_open else OUTCOME_RESOLVED)


def _write(tx: Tx, changes: _Changes, outcome: Followed, *, now_us: int) -> None:
    save_followed(tx, changes.rows, bound=changes.bound)
    keep_tallies(tx, changes.counts)
    fresh = prove_attempts(tx, list(dict.fromkeys(changes.proofs)), now_us=now_us)
    for message, proof, first_wamid in changes.doubles:
        if (proof.message_id, proof.number) in fresh:
            fresh.discard((proof.message_id, proof.number))
            outcome.duplicates += 1
            changes.news.append(_duplicate_notice(message, proof, first_wamid, now_us=now_us))


def _status_news(message: FollowedMessage, status: Status, facts: StatusFacts) -> StatusNews:
    has_failed = status is Status.FAILED
    occurred_at_us: int = getattr(facts, f"{status.value}_at_us")
    return StatusNews(
        account_id=message.account_id,
        source_id=message.source_id,
        notice=StatusNotice(
            message_id=message.id,
            recipient=message.recipient,
            status=status,
            occurred_at_us=occurred_at_us,
            reason=facts.failure if has_failed else None,
            source=message.source_given or "",
            caller_data=message.caller_data,
        ),
    )


def _duplicate_notice(message: FollowedMessage, proof: Proof, first_wamid: str, *, now_us: int) -> Notice:
    return Notice(
        account_id=message.account_id,
        source_id=message.source_id,
        subject_id=message.id,
        type="message.duplicate",
        occurred_at_us=now_us,
        data={"first_message_id": first_wamid, "second_message_id": proof.wamid},
    )
