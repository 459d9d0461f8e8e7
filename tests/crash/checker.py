"""
Compares what the clients know, what upstream knows, what the customer was told, and what the gateway says of itself.

Each check appends to one list of `Findings`; an empty list is a claim kept. Every entry names its message's label, so
that it can be followed through all the files of the trial.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from itertools import pairwise

from tests.crash.client_ledger import Asked
from tests.crash.evidence import PENDING_STATES, STATUSES, Acceptance, Attempt, Delivery, Evidence, Message

ACCEPTED_STATES = range(60, 101)
UNKNOWN_STATE = 230
PACE_PER_SECOND, BURST = 72.0, 8
"""What the demo's numbers start by: the default settings."""


@dataclass(slots=True, kw_only=True)
class Findings:
    """Violations by claim. The lists after `other` are no violations but have to be shown."""

    lost: list[str] = field(default_factory=list)
    halved: list[str] = field(default_factory=list)
    twice_by_key: list[str] = field(default_factory=list)
    unexplained_duplicates: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    missing_webhooks: list[str] = field(default_factory=list)
    disordered_webhooks: list[str] = field(default_factory=list)
    false_acceptances: list[str] = field(default_factory=list)
    without_intent: list[str] = field(default_factory=list)
    overlapping_attempts: list[str] = field(default_factory=list)
    too_fast: list[str] = field(default_factory=list)
    out_of_order: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)

    def violations(self) -> dict[str, list[str]]:
        """Return the lists that are not empty."""
        return {one.name: found for one in fields(self) if (found := getattr(self, one.name))}


@dataclass(slots=True, kw_only=True)
class Figures:
    """The denominators."""

    requests: int = 0
    broken_tries: int = 0
    messages: int = 0
    answered: int = 0
    upstream: int = 0
    refused_by_weather: int = 0
    in_doubt_resolved: int = 0
    released: int = 0
    unknown: int = 0
    explained_duplicates: int = 0
    webhooks: int = 0
    repeated_webhooks: int = 0
    from_phones: int = 0


def check(asked: Iterable[Asked], answers: Mapping[str, str | None], evidence: Evidence) -> tuple[Findings, Figures]:
    """
    Return findings and figures.

    `answers` is what `GET /api/v2/message/{id}` says of each id that a client was given: the status, or None if it is
    not known.
    """
    requests = list(asked)
    findings, figures = Findings(), Figures()
    by_label: dict[str, list[Message]] = defaultdict(list)
    for message in evidence.messages:
        by_label[message.label].append(message)
    upstream: dict[str, list[Acceptance]] = defaultdict(list)
    for acceptance in evidence.acceptances:
        upstream[acceptance.label].append(acceptance)
    attempts: dict[str, list[Attempt]] = defaultdict(list)
    for attempt in evidence.attempts:
        attempts[attempt.message_id].append(attempt)
    _check_requests(requests, by_label, findings, figures)
    _check_answers(answers, upstream, evidence, findings)
    for message in evidence.messages:
        _check_message(message, attempts[message.id], upstream[message.label], findings, figures)
        _check_attempts(message, attempts[message.id], findings)
    _check_keys(evidence, findings)
    _check_pace(evidence, findings)
    _check_intents(evidence, findings)
    _check_webhooks(evidence, by_label, upstream, findings, figures)
    _check_order(evidence, upstream, findings)
    known = {label for request in requests for label in request.labels}
    findings.other += [f"{label}: a message nobody asked for" for label in by_label if label not in known]
    findings.other += [
        f"upstream refused: {refusal}" for refusal in evidence.refused_upstream if refusal.startswith("refused")
    ]
    figures.refused_by_weather = sum(not refusal.startswith("refused") for refusal in evidence.refused_upstream)
    figures.upstream = len(evidence.acceptances)
    figures.messages = len(evidence.messages)
    return findings, figures


def _check_requests(
    requests: list[Asked], by_label: Mapping[str, list[Message]], findings: Findings, figures: Figures
) -> None:
    """What was answered is there, whole and once; what was not is there whole or not at all."""
    for request in requests:
        name = f"request {request.number} ({request.labels[0]})"
        figures.requests += 1
        figures.broken_tries += request.broken
        kept = [[message.id for message in by_label.get(label, ())] for label in request.labels]
        counts = sorted({len(ids) for ids in kept})
        if len(counts) > 1:
            findings.halved.append(f"{name}: its {len(kept)} messages are there {counts} times")
        if counts[-1] > 1:
            findings.twice_by_key.append(f"{name}: kept {counts[-1]} times over {request.tries} tries")
        for ids in request.ids:
            figures.answered += len(ids)
            lost = [one for one, there in zip(ids, kept, strict=True) if one not in there]
            findings.lost += [f"{name}: answered with {one}, which is not kept" for one in lost]
        if len(set(request.ids)) > 1:
            findings.twice_by_key.append(f"{name}: answered with different ids {request.ids}")
        for refusal in request.refusals:
            if not refusal.startswith(("429 ", "503 ")):
                findings.other.append(f"{name}: refused with {refusal}")
        if request.refusals and not request.ids and not request.broken and counts[-1]:
            findings.other.append(f"{name}: refused, but kept")


def _check_answers(
    answers: Mapping[str, str | None],
    upstream: Mapping[str, list[Acceptance]],
    evidence: Evidence,
    findings: Findings,
) -> None:
    """Every id is found, and says what upstream has reported last."""
    labels = {message.id: message.label for message in evidence.messages}
    for message_id, status in answers.items():
        label = labels.get(message_id, "")
        if status is None:
            findings.lost.append(f"{label} {message_id}: the API does not find it")
            continue
        told = {word for acceptance in upstream.get(label, ()) for word in acceptance.told}
        last = next((word for word in ("read", "delivered", "failed", "sent") if word in told), "failed")
        if status != last:
            claim = findings.false_acceptances if not told else findings.stuck
            claim.append(f"{label} {message_id}: the API says {status}, upstream {last}")


def _check_message(
    message: Message, attempts: list[Attempt], upstream: list[Acceptance], findings: Findings, figures: Figures
) -> None:
    name = f"{message.label} {message.id}"
    outcomes = [(attempt.outcome, attempt.detail) for attempt in attempts]
    figures.released += message.releases
    figures.unknown += message.state == UNKNOWN_STATE
    figures.in_doubt_resolved += sum(attempt.outcome == "resolved" for attempt in attempts)
    if message.state in PENDING_STATES:
        state = PENDING_STATES[message.state]
        findings.stuck.append(f"{name}: {state} ({message.wait_reason}), attempts {outcomes}")
    if message.state in ACCEPTED_STATES and not upstream:
        findings.false_acceptances.append(f"{name}: state {message.state}, but upstream never took it: {outcomes}")
    if len(upstream) > 1 + message.releases:
        findings.unexplained_duplicates.append(
            f"{name}: {len(upstream)} times upstream, {message.releases} releases, attempts {outcomes}"
        )
    elif len(upstream) > 1:
        figures.explained_duplicates += len(upstream) - 1


def _check_attempts(message: Message, attempts: list[Attempt], findings: Findings) -> None:
    """An attempt is the first, or follows one that was refused, or one in doubt that was released."""
    if [attempt.number for attempt in attempts] != list(range(1, len(attempts) + 1)):
        findings.overlapping_attempts.append(f"{message.label}: attempts {[attempt.number for attempt in attempts]}")
    uncertain = 0
    for before, after in pairwise(attempts):
        name = f"{message.label}: attempt {after.number} after one that was {before.outcome}"
        if before.outcome in {"in_doubt", "resolved"}:
            uncertain += 1
        elif before.outcome in {None, "accepted"} or before.ended_at_us is None:
            findings.overlapping_attempts.append(name)
        if before.ended_at_us is not None and before.ended_at_us > after.started_at_us:
            findings.overlapping_attempts.append(f"{name}, {before.ended_at_us - after.started_at_us} us too early")
    if uncertain > message.releases:
        findings.overlapping_attempts.append(f"{message.label}: {uncertain} in doubt, {message.releases} released")


def _check_keys(evidence: Evidence, findings: Findings) -> None:
    """What an Idempotency-Key has been given is there; that it is there once, the clients' repeats have shown."""
    kept = {message.id for message in evidence.messages}
    findings.halved += [
        f"{message_id}: promised to a key, but not kept"
        for message_id in evidence.promised_by_keys
        if message_id not in kept
    ]


def _check_pace(evidence: Evidence, findings: Findings) -> None:
    """No window of a number's intents holds more than its pace allows, over every change of its owner."""
    times_us: dict[str, list[int]] = defaultdict(list)
    for attempt in evidence.attempts:
        times_us[attempt.source_id].append(attempt.started_at_us)
    for source_id, starts in times_us.items():
        starts.sort()
        level, last_us = 0.0, starts[0]
        for start_us in starts:
            # What a full bucket would lack by now: over the burst, some window ending here holds too much.
            level = max(0.0, level - PACE_PER_SECOND * (start_us - last_us) / 1e6) + 1
            last_us = start_us
            if level > BURST + 1e-6:
                findings.too_fast.append(f"{source_id}: {level:.2f} at {start_us}, the burst is {BURST}")


def _check_intents(evidence: Evidence, findings: Findings) -> None:
    """Everything that upstream has took its leave as an attempt of ours, and is bound to it."""
    bound = {attempt.wamid for attempt in evidence.attempts if attempt.wamid is not None}
    findings.without_intent += [
        f"{acceptance.label}: {acceptance.wamid} is bound to no attempt"
        for acceptance in evidence.acceptances
        if acceptance.wamid not in bound
    ]


def _check_webhooks(
    evidence: Evidence,
    by_label: Mapping[str, list[Message]],
    upstream: Mapping[str, list[Acceptance]],
    findings: Findings,
    figures: Figures,
) -> None:
    """Each status once, signed, the same bytes each time, in the contract's order; each phone's message too."""
    posted: dict[str, dict[str, list[Delivery]]] = defaultdict(lambda: defaultdict(list))
    for delivery in evidence.deliveries:
        posted[delivery.message_id][delivery.status].append(delivery)
    for label, messages in by_label.items():
        told = {status for acceptance in upstream.get(label, ()) for status in acceptance.told}
        for message in messages:
            own = posted.get(message.id, {})
            expected = told or {"failed"}
            findings.missing_webhooks += [
                f"{label} {message.id}: {status} was never posted" for status in expected if status not in own
            ]
            if told and "failed" not in told and "failed" in own and message.failure is None:
                findings.other.append(f"{label} {message.id}: failed was posted for no reason")
            firsts = [own[status][0].sequence for status in STATUSES[:3] if status in own]
            if firsts != sorted(firsts):
                findings.disordered_webhooks.append(f"{label} {message.id}: {dict(own)}")
            for status, deliveries in own.items():
                figures.webhooks += 1
                figures.repeated_webhooks += len(deliveries) - 1
                if len({delivery.webhook_id for delivery in deliveries}) > 1:
                    findings.disordered_webhooks.append(f"{label} {message.id}: {status} has several webhook ids")
    figures.from_phones = len(evidence.written_by_phones)
    for wamid in evidence.written_by_phones:
        events = evidence.told_of_phones.get(wamid, set())
        if not events:
            findings.missing_webhooks.append(f"{wamid}: written by a phone, never posted")
        elif len(events) > 1:
            findings.disordered_webhooks.append(f"{wamid}: posted as {len(events)} events")
    findings.disordered_webhooks += [
        f"{webhook_id}: {len(bodies)} different bodies"
        for webhook_id, bodies in evidence.bodies.items()
        if len(bodies) > 1
    ]
    findings.disordered_webhooks += [f"not verified: {one}" for one in evidence.unverified]


def _check_order(evidence: Evidence, upstream: Mapping[str, list[Acceptance]], findings: Findings) -> None:
    """Per number and recipient, what went out at the first attempt went out in the order of acceptance."""
    last: dict[tuple[str, str], tuple[int, str]] = {}
    for message in evidence.messages:
        if message.attempts != 1 or len(upstream.get(message.label, ())) != 1:
            continue
        acceptance = upstream[message.label][0]
        lane = (acceptance.number_id, acceptance.recipient)
        sequence, label = last.get(lane, (0, ""))
        if acceptance.sequence < sequence:
            findings.out_of_order.append(f"{message.label} overtook {label}")
        last[lane] = max((sequence, label), (acceptance.sequence, message.label))
