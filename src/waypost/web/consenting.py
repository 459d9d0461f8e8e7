"""Changing consents, and telling subscribers of it, in one transaction; for the contract's API and the command line."""

from collections.abc import Sequence

from waypost.outbox import consent_notice, tell
from waypost.ports import IdFactory
from waypost.store.consents import ConsentWrite, record_consents
from waypost.store.directory import Snapshot
from waypost.store.transaction import Tx


def change_consents(tx: Tx, snapshot: Snapshot, ids: IdFactory, writes: Sequence[ConsentWrite]) -> list[list[bool]]:
    """
    Carry out changes in their order; return for each, and each of its recipients, whether it was recorded.

    What was recorded is told to the endpoints that hear notices.
    """
    outcomes = record_consents(tx, ids, writes)
    for write, outcome in zip(writes, outcomes, strict=True):
        news = [
            consent_notice(
                account_id=write.account_id,
                recipient=evidence.recipient,
                action=write.action,
                source=evidence.source,
                occurred_at_us=write.now_us,
            )
            for evidence, is_recorded in zip(write.evidence, outcome, strict=True)
            if is_recorded
        ]
        tell(tx, snapshot, ids, news, now_us=write.now_us)
    return outcomes
