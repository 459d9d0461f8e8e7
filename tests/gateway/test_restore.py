"""
The restore drill: an older backup comes back, the command is run, the gateway starts, and nothing is sent a second time.

The sandbox stands for the provider: it is not restored, and its ledger knows what was really sent.
"""

import asyncio
import json
import shutil
import sqlite3
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from psycopg import sql
from tests.gateway.conftest import settings_for, start

from waypost.cli import run
from waypost.cli.exits import ExitCode
from waypost.store.statements import Sql

ANSWERS_LATER = [f"1202555{number:04}" for number in range(1000, 1006)]
SILENT = [f"1202555{number:04}" for number in range(1100, 1104)]
REFUSED_FIRST = "12025551005"
_STATES = Sql("SELECT id, state FROM messages")


class Backups:
    """Copies a database that nobody has open, and puts the copy in its place."""

    def __init__(self, database_url, cluster, directory: Path):
        self._url = database_url
        self._cluster = cluster
        self._file = directory / "backup.db"
        self._name = None

    def take(self):
        if self._cluster is None:
            # What the runbook says: a copy made by SQLite itself takes the log in.
            with sqlite3.connect(self._path()) as source, sqlite3.connect(self._file) as copy:
                source.backup(copy)
            source.close()
            copy.close()
        else:
            self._name = self._cluster.create_database(template=self._database())

    def restore(self):
        if self._cluster is None:
            for ending in ("", "-wal", "-shm"):
                Path(f"{self._path()}{ending}").unlink(missing_ok=True)
            shutil.copyfile(self._file, self._path())
        else:
            self._cluster.drop_database(self._database())
            names = sql.Identifier(self._name), sql.Identifier(self._database())
            self._cluster.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(*names))

    def _path(self):
        return self._url.removeprefix("sqlite:///")

    def _database(self):
        return self._url.rpartition("/")[2]


@pytest.fixture
def backups(database_url, tmp_path, request):
    cluster = None if database_url.startswith("sqlite") else request.getfixturevalue("postgres_cluster")
    return Backups(database_url, cluster, tmp_path)


@pytest.fixture
def restored(tmp_path, database_url, capsys):
    """Run `waypost restored` on the database, and return its exit code and what it printed."""

    async def call():
        where = ("--data-dir", str(tmp_path), "--database-url", database_url)
        code = await asyncio.to_thread(run, ["restored", "--yes", "--json", *where])
        printed = capsys.readouterr().out
        return code, printed[printed.find("{\n") :] if code == ExitCode.OK else printed

    return call


async def accept_without_sending(house):
    """Accept messages that stay unsent: waiting for a second try, queued behind a pause, and scheduled."""
    await house.fault("http_5xx", status=503, body="json", code=131016, number=REFUSED_FIRST)
    waiting = await house.send(house.entry(REFUSED_FIRST))

    async def was_refused():
        return (await house.sandbox("GET", "/sandbox/ledger/starts"))["total"] >= 1

    await house.eventually(was_refused)
    assert 200 == (await house.call("POST", f"/manage/v1/sources/{house.source_id}/pause", json={"reason": "drill"}))[0]
    gateway = house.demo.gateway

    async def is_paused_and_quiet():
        source = gateway.foundation.directory.now.sources[house.source_id]
        return source.paused_reason is not None and not gateway.dispatcher.in_flight()

    await house.eventually(is_paused_and_quiet)
    await house.sandbox("DELETE", "/sandbox/faults")
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat(timespec="milliseconds")
    queued = await house.send(*(house.entry(phone) for phone in [*ANSWERS_LATER[:-1], *SILENT[:-1]]))
    scheduled = await house.send(house.entry(SILENT[-1], scheduled_at=soon))
    return [*waiting, *queued], scheduled


async def set_online(house, phones, *, is_online):
    for phone in phones:
        await house.sandbox("PUT", f"/sandbox/phones/{phone}", json={"online": is_online})


def sent_ids(ledger):
    """Count what the provider took, by the message id in the token."""
    return Counter(entry["biz_opaque_callback_data"][3:35] for entry in ledger)


async def test_a_restored_backup_sends_nothing_a_second_time(tmp_path, database_url, backups, restored):
    running = await start(settings_for(tmp_path, database_url, dispatch={"soft_refusal_wait_seconds": 1.0}))
    house = running.house
    await house.writes_first(*ANSWERS_LATER, *SILENT)
    now, scheduled = await accept_without_sending(house)
    assert [] == await house.ledger()
    assert 0 == await running.stop()
    backups.take()

    running = await start(settings_for(tmp_path, database_url))
    house = running.house
    await set_online(house, [*ANSWERS_LATER, *SILENT], is_online=False)
    await house.call("POST", f"/manage/v1/sources/{house.source_id}/resume")
    await house.becomes("sent", *now, *scheduled)
    sent = sent_ids(await house.ledger())
    while_running = await restored()
    assert 0 == await running.stop()
    assert ExitCode.FAILURE == while_running[0]

    backups.restore()
    code, out = await restored()
    assert ExitCode.OK == code
    counts = json.loads(out)
    assert len(now) + 1 == counts["scheduled"] + counts["waiting"] + counts["queued"]
    assert 1 <= counts["scheduled"]

    # Long enough for the rule to release what could be released: it holds for one second here.
    running = await start(settings_for(tmp_path, database_url, dispatch={"doubt_seconds_max": 8.0}))
    house = running.house
    await house.call("POST", f"/manage/v1/sources/{house.source_id}/resume")
    await set_online(house, ANSWERS_LATER, is_online=True)
    [fresh] = await house.send(house.entry(ANSWERS_LATER[0], "sent after the restore"))
    ledger_ids = {message_id.replace("-", ""): message_id for message_id in [*now, *scheduled]}
    answering = {
        entry["biz_opaque_callback_data"][3:35] for entry in await house.ledger() if entry["to"] in ANSWERS_LATER
    }
    await house.becomes("read", fresh, *(ledger_ids[one] for one in answering if one in ledger_ids))
    silent = [message_id for one, message_id in ledger_ids.items() if one not in answering]
    assert len(SILENT) == len(silent)
    await house.becomes("failed", *silent)
    for message_id in silent:
        # `sent` was told by the gateway whose memory is gone.
        await house.is_told(message_id, "sent", "failed")
        assert (await house.webhooks(message_id))[1]["status_remark"].startswith("8015 ")
    states = dict(await house.demo.gateway.foundation.database.read(lambda tx: tx.rows(_STATES)))
    everything = sent_ids(await house.ledger())
    assert 0 == await running.stop()

    assert sent + Counter([fresh.replace("-", "")]) == everything
    assert {1} == set(everything.values())
    assert {230} == {states[message_id] for message_id in silent}
