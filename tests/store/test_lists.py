"""Lists that the console turns the pages of: files, consents, the audit log, notifications; on both databases."""

from typing import Any

import pytest
from tests.store.rows import NOW_US, add

from waypost.domain.consent import ConsentAction, ConsentEvidence, ConsentState
from waypost.domain.ids import first_id_at
from waypost.ports import UuidFactory
from waypost.store import inspection, paging
from waypost.store.audit import AuditEntry, AuditFilter, record_change, search_audit
from waypost.store.consent_search import ConsentFilter, search_consents
from waypost.store.consents import ConsentWrite, record_consents
from waypost.store.engine import Database
from waypost.store.inspecting_webhooks import list_all_dead, list_notifications, list_tries
from waypost.store.inspection import MediaFilter, search_media
from waypost.store.notifying import DEAD, DELIVERED, PENDING
from waypost.store.transaction import Tx


def _id(number: int) -> str:
    return first_id_at(NOW_US)[:-4] + f"{number:04d}"


async def test_files_are_found_by_kind_state_and_origin(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(tx: Tx) -> None:
        add(tx, "media_assets", id="m1", created_at_us=NOW_US)
        add(tx, "media_assets", id="m2", created_at_us=NOW_US, kind="video", origin="inbound", state="failed")
        add(tx, "media_assets", id="m3", created_at_us=NOW_US + 1)
        add(tx, "media_assets", id="gone", deleted_at_us=NOW_US)
        add(tx, "media_assets", id="m1", account_id="b")

    await database.write(write)

    async def found(**page: Any) -> Any:
        page.setdefault("at_most", 10)
        return await database.read(lambda tx: search_media(tx, "a", **page), account_id="a")

    assert ["m3", "m2", "m1"] == [row.id for row in (await found()).rows]
    first = await found(at_most=2)
    assert ["m1"] == [row.id for row in (await found(cursor=first.next_cursor, at_most=2)).rows]
    for wanted in (MediaFilter(kind="video"), MediaFilter(state="failed"), MediaFilter(origin="inbound")):
        assert ["m2"] == [row.id for row in (await found(wanted=wanted)).rows]
    monkeypatch.setattr(inspection, "ROWS_SEARCHED_MAX", 1)
    short = await found(wanted=MediaFilter(kind="video"))
    assert ([], NOW_US + 1) == (short.rows, short.looked_to_us)
    assert ["m2"] == [row.id for row in (await found(wanted=MediaFilter(kind="video"), cursor=short.next_cursor)).rows]
    assert [] == (await found(cursor="nonsense")).rows


def _consents(tx: Tx) -> None:
    for account_id, action, recipients in (
        ("a", ConsentAction.OPTIN, ["12025550143", "12025550149", "12025560100", "99900000001", "US.1"]),
        ("a", ConsentAction.OPTOUT, ["12025550144"]),
        ("a", ConsentAction.BLOCKLIST, ["12025550144", "12025550149"]),
        ("b", ConsentAction.OPTOUT, ["12025550145"]),
    ):
        evidence = tuple(ConsentEvidence(recipient=recipient, source="WEB") for recipient in recipients)
        write = ConsentWrite(account_id=account_id, action=action, evidence=evidence, now_us=NOW_US)
        record_consents(tx, UuidFactory(), [write])


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (ConsentFilter(), ["12025550143", "12025550144", "12025550149", "12025560100", "99900000001", "US.1"]),
        (ConsentFilter(prefix="1202555"), ["12025550143", "12025550144", "12025550149"]),
        (ConsentFilter(prefix="12025550149"), ["12025550149"]),
        (ConsentFilter(prefix="999"), ["99900000001"]),
        (ConsentFilter(prefix="US.1"), ["US.1"]),
        (ConsentFilter(prefix="US."), []),
        (ConsentFilter(prefix="US.1", state=ConsentState.OPTED_OUT), []),
        (ConsentFilter(prefix="US.1", blocklisted=True), []),
        (ConsentFilter(state=ConsentState.OPTED_OUT), ["12025550144"]),
        (ConsentFilter(state=ConsentState.OPTED_IN, prefix="120255501"), ["12025550143", "12025550149"]),
        (ConsentFilter(blocklisted=True), ["12025550144", "12025550149"]),
        (ConsentFilter(blocklisted=True, prefix="120255501491"), []),
    ],
)
@pytest.mark.parametrize("at_most", [1, 10])
async def test_consents_are_found_by_the_beginning_of_a_number_and_by_standing(
    database: Database, wanted: ConsentFilter, expected: list[str], at_most: int
) -> None:
    await database.write(_consents)

    found: list[str] = []
    cursor: str | None = None
    while True:
        page = await database.read(
            lambda tx, cursor=cursor: search_consents(tx, "a", wanted=wanted, cursor=cursor, at_most=at_most),
            account_id="a",
        )
        found += [record.recipient for record in page.rows]
        cursor = page.next_cursor
        if cursor is None:
            break

    assert expected == found


async def test_audit_entries_are_found_by_account_actor_action_and_target(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = [
        AuditEntry(id=_id(1), account_id="a", actor="key:1", action="source.pause", target="s", at_us=NOW_US),
        AuditEntry(id=_id(2), account_id="b", actor="key:2", action="source.pause", target="s", at_us=NOW_US),
        AuditEntry(id=_id(3), account_id=None, actor="cli:root", action="master_key.rotate", target="k", at_us=NOW_US),
        AuditEntry(id=_id(4), account_id="a", actor="cli:root", action="source.resume", target="s", at_us=NOW_US),
    ]
    await database.write(lambda tx: [record_change(tx, entry) for entry in entries])

    async def found(account_id: str | None, **wanted: str) -> list[str]:
        page = await database.read(
            lambda tx: search_audit(tx, account_id, wanted=AuditFilter(**wanted), at_most=9), account_id=account_id
        )
        return [entry.id for entry in page.rows]

    assert [_id(4), _id(1)] == await found("a")
    assert [_id(4), _id(3), _id(2), _id(1)] == await found(None)
    assert [_id(2), _id(1)] == await found(None, action="source.pause")
    assert [_id(4), _id(3)] == await found(None, actor="cli:root")
    assert [_id(4), _id(1)] == await found("a", target="s")
    assert [_id(4), _id(2), _id(1)] == await found(None, target="s")
    monkeypatch.setattr(paging, "ROWS_SEARCHED_MAX", 1)
    page = await database.read(lambda tx: search_audit(tx, "a", wanted=AuditFilter(actor="key:1"), at_most=9))
    assert ([], _id(4)) == (page.rows, page.next_cursor)


async def test_notifications_are_paged_by_endpoint_and_state(database: Database) -> None:
    def write(tx: Tx) -> None:
        add(tx, "webhook_endpoints", id="e")
        add(tx, "webhook_endpoints", id="e2")
        add(tx, "webhook_endpoints", id="f", account_id="b")
        for number, state in enumerate((0, 0, 1, 1, 2, 2), start=1):
            add(tx, "notifications", id=_id(number), state=state, due_at_us=NOW_US - number)
        add(tx, "notifications", id=_id(7), endpoint_id="e2", state=2)
        add(tx, "notifications", id=_id(8), endpoint_id="f", account_id="b", state=2)
        for number in (1, 2, 3):
            add(tx, "delivery_attempts", id=_id(number), notification_id=_id(number))
        add(tx, "delivery_attempts", id=_id(4), notification_id=_id(8), endpoint_id="f", account_id="b")

    await database.write(write)

    async def pages(read: Any) -> list[list[str]]:
        found: list[list[str]] = []
        cursor: str | None = None
        while True:
            page = await database.read(lambda tx, cursor=cursor: read(tx, cursor), account_id="a")
            found.append([row[0] for row in page.rows])
            cursor = page.next_cursor
            if cursor is None:
                return found

    for state, expected in ((PENDING, [2, 1]), (DELIVERED, [4, 3]), (DEAD, [6, 5])):
        assert [[_id(expected[0])], [_id(expected[1])], []] == await pages(
            lambda tx, cursor, state=state: list_notifications(tx, "a", "e", state=state, cursor=cursor, at_most=1)
        )
    assert [[]] == await pages(lambda tx, cursor: list_notifications(tx, "a", "f", state=DEAD, at_most=9))
    assert [[_id(7), _id(6)], [_id(5)]] == await pages(
        lambda tx, cursor: list_all_dead(tx, "a", cursor=cursor, at_most=2)
    )
    assert [[_id(3), _id(2), _id(1)]] == await pages(
        lambda tx, cursor: list_tries(tx, "a", "e", cursor=cursor, at_most=9)
    )
