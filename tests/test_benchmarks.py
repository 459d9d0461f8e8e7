"""What the benchmarks write beside the gateway fits the tables as they are; a table that moved on would stop them."""

import os
import subprocess
import sys
from collections.abc import Iterator

import orjson
import pytest
from benchmarks import rows, tenants
from benchmarks.bare import parsing, writing
from tools.environment import ROOT

from waypost.store.acceptance import insert_messages
from waypost.store.connections import Connection, connector_for
from waypost.store.sealing import Sealer
from waypost.store.statements import Sql


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    opened = connector_for(database_url).open_writer()
    yield opened
    opened.close()


@pytest.fixture
def people(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> tenants.Tenants:
    monkeypatch.setattr(tenants, "RECIPIENTS_EACH", 2)
    return tenants.create_tenants(connection, Sealer([b"k" * 32]), hook_port=9, has_endpoints=True)


def count(connection: Connection, statement: str) -> int:
    found = connection.tx.one(Sql(statement))
    assert found is not None
    return int(found[0])


def test_work_is_queued_as_the_gateway_queues_it(connection: Connection, people: tenants.Tenants):
    rows.insert_queued(connection, people, 20)
    rows.multiply_queued(connection, 3)
    rows.insert_accepted(connection, people, 5)
    rows.insert_pending(connection, people, 7)

    assert 60 == count(connection, "SELECT COUNT(*) FROM messages WHERE state = 30 AND caller_data = 'order-4711'")
    assert 5 == count(connection, "SELECT COUNT(*) FROM messages WHERE state = 60 AND wamid IS NOT NULL")
    assert 7 == count(connection, "SELECT COUNT(*) FROM notifications WHERE state = 0")


def test_the_bare_sides_write_a_whole_life(connection: Connection, people: tenants.Tenants):
    tenant = people.all[0]
    row = parsing.message_row(rows.request_body(tenant.recipient(0), tenant.source_id), account_id=tenant.account_id)
    message_id, wamid = row[0], "wamid.HBgLMTIwMjU1NTAxNDMVAgARGBI0"
    token = f"v1.{message_id.replace('-', '')}01.0123456789abcdef"
    status = {"id": wamid, "status": "read", "timestamp": "1790000000", "biz_opaque_callback_data": token}
    report = parsing.read_report(orjson.dumps({"entry": [{"changes": [{"value": {"statuses": [status]}}]}]}))
    told = parsing.notification_row(
        report,
        account_id=tenant.account_id,
        endpoint_id=tenant.endpoint_id,
        recipient=row[4],
        source_id=tenant.source_id,
    )

    connection.begin()
    insert_messages(connection.tx, [row])
    writing.write_starts(connection.tx, [row])
    writing.write_ends(connection.tx, [(message_id, wamid)])
    parsing.write_reports(connection.tx, [(report, told, tenant.source_id)])
    writing.write_deliveries(connection.tx, [(1, told[0])])
    connection.commit()

    assert 1 == count(connection, f"SELECT COUNT(*) FROM messages WHERE state = 90 AND wamid = '{wamid}'")
    assert 1 == count(connection, "SELECT COUNT(*) FROM attempts WHERE outcome = 'accepted'")
    assert 1 == count(connection, "SELECT COUNT(*) FROM notifications WHERE state = 1")


def test_a_bare_writer_that_fails_ends_its_process_and_so_the_measuring(database_url: str):
    script = (
        "import asyncio\n"
        "from benchmarks.bare.writer import GroupWriter\n"
        "async def main():\n"
        "    def refuse(tx, items): raise ValueError('the table moved on')\n"
        f"    await GroupWriter({database_url!r}).write(refuse, 1)\n"
        "asyncio.run(main())\n"
    )

    ended = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (1, True) == (ended.returncode, "the table moved on" in ended.stderr)
