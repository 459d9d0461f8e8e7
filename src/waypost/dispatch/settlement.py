"""Writing how attempts ended: in sets, guarded by where each message stands by now."""

from collections.abc import Mapping, Sequence
from typing import Final

from waypost.dispatch.round import Round, Settlement, news_of_failure
from waypost.domain.errors import FailureReason, SendFailure
from waypost.domain.message import MessageState
from waypost.domain.status import Announced
from waypost.following import follow_parked
from waypost.outbox import News, Notice, in_doubt_notice, paused_notice
from waypost.ports import Accepted, IdFactory
from waypost.store.directory import bump_directory
from waypost.store.settling import (
    OUTCOME_ACCEPTED,
    AttemptEnd,
    UnsentChange,
    bind_wamids,
    change_unsent,
    close_attempts,
    find_other_wamids,
    find_still_open,
    pause_source,
)
from waypost.store.template_mirror import doubt_lists
from waypost.store.transaction import Tx

_TEMPLATE_REASONS: Final = frozenset(
    {
        FailureReason.INVALID_TEMPLATE,
        FailureReason.INVALID_TEMPLATE_PARAMETER,
        FailureReason.INVALID_TEMPLATE_LANGUAGE,
    }
)


def settle(tx: Tx, round_: Round, ids: IdFactory, news: list[News]) -> int:
    """Write the round's ends and what follows from them; return how many notifications that alone has made."""
    ends: list[AttemptEnd] = []
    accepted: list[tuple[str, str]] = []
    failed: list[Settlement] = []
    repeated: dict[str, str] = {}
    for settled in round_.settlements:
        message_id, end = settled.candidate.id, settled.end
        ends.append(attempt_end(settled))
        if isinstance(end, Accepted):
            accepted.append((end.wamid, message_id))
            if settled.number > 1:
                repeated[message_id] = end.wamid
        else:
            failed.append(settled)
    close_attempts(tx, ends)
    if repeated:
        _note_duplicates(tx, round_, repeated, news)
    bind_wamids(tx, accepted)
    if failed:
        _settle_failed(tx, round_, failed, news)
        _doubt_templates(tx, round_, failed)
    # Statuses without a token that were faster than the answer to their POST.
    return follow_parked(tx, round_.snapshot, ids, dict(accepted), now_us=round_.now_us).told


def attempt_end(settled: Settlement) -> AttemptEnd:
    """Return how an attempt ended, as it is kept."""
    end = settled.end
    if isinstance(end, Accepted):
        return AttemptEnd(
            message_id=settled.candidate.id,
            number=settled.number,
            ended_at_us=settled.ended_at_us,
            outcome=OUTCOME_ACCEPTED,
            http_status=end.http_status,
            wamid=end.wamid,
        )
    return AttemptEnd(
        message_id=settled.candidate.id,
        number=settled.number,
        ended_at_us=settled.ended_at_us,
        outcome=end.kind.value,
        http_status=end.http_status,
        provider_code=end.provider_code,
        detail=end.detail,
    )


def _note_duplicates(tx: Tx, round_: Round, repeated: Mapping[str, str], news: list[News]) -> None:
    """Tell of messages that upstream has now accepted twice: an earlier attempt, in doubt, had arrived after all."""
    for message_id, wamid in find_other_wamids(tx, list(repeated)).items():
        if wamid == repeated[message_id]:
            continue
        candidate = next(s.candidate for s in round_.settlements if s.candidate.id == message_id)
        news.append(
            Notice(
                account_id=candidate.account_id,
                source_id=candidate.source_id,
                subject_id=message_id,
                type="message.duplicate",
                occurred_at_us=round_.now_us,
                data={"first_message_id": wamid, "second_message_id": repeated[message_id]},
            )
        )


def _settle_failed(tx: Tx, round_: Round, failed: Sequence[Settlement], news: list[News]) -> None:
    still_open = find_still_open(tx, [(settled.candidate.id, settled.number) for settled in failed])
    changes: list[UnsentChange] = []
    for settled in failed:
        candidate, decision, end = settled.candidate, settled.decision, settled.end
        announced = still_open.get(candidate.id)
        if announced is None or decision is None or isinstance(end, Accepted):
            continue
        has_failed = decision.state is MessageState.FAILED
        if decision.reason is not None:
            news.append(news_of_failure(candidate, decision.reason, settled.ended_at_us))
        if decision.state is MessageState.IN_DOUBT:
            news.append(
                in_doubt_notice(
                    account_id=candidate.account_id,
                    source_id=candidate.source_id,
                    message_id=candidate.id,
                    occurred_at_us=round_.now_us,
                )
            )
        if decision.pauses_source and pause_source(
            tx,
            source_id=candidate.source_id,
            reason=_pause_reason(end),
            since_us=settled.started_at_us,
            now_us=round_.now_us,
        ):
            bump_directory(tx)
            news.append(
                paused_notice(
                    account_id=candidate.account_id,
                    source_id=candidate.source_id,
                    reason=_pause_reason(end),
                    provider_code=end.provider_code,
                    occurred_at_us=round_.now_us,
                )
            )
        changes.append(
            UnsentChange(
                message_id=candidate.id,
                number=settled.number,
                state=int(decision.state),
                due_at_us=settled.due_at_us,
                wait_reason=decision.wait_reason,
                failed_attempts=decision.failed_attempts,
                failure=decision.reason.value if decision.reason else None,
                failure_code=end.provider_code if has_failed else None,
                failure_detail=end.detail if has_failed else None,
                ended_at_us=settled.ended_at_us if has_failed else None,
                announced=announced | (int(Announced.FAILED) if has_failed else 0),
            )
        )
    change_unsent(tx, changes)


def _doubt_templates(tx: Tx, round_: Round, failed: Sequence[Settlement]) -> None:
    """Have the list of templates read anew where the provider refuses a template that the copy has let pass."""
    sources = round_.snapshot.sources
    contradicted = {
        (source.account_id, source.waba_id)
        for settled in failed
        if settled.decision is not None
        and settled.decision.reason in _TEMPLATE_REASONS
        and (source := sources.get(settled.candidate.source_id)) is not None
    }
    if contradicted:
        doubt_lists(tx, contradicted, now_us=round_.now_us)


def _pause_reason(failure: SendFailure) -> str:
    """Return why a source stands still, in the provider's words."""
    code = f"provider error {failure.provider_code}: " if failure.provider_code is not None else ""
    return f"{code}{failure.detail}"
