"""The master key is changed while messages are sent and secrets are changed, and nobody notices."""

import asyncio

from tests.gateway.conftest import settings_for, start

from waypost.cli import run
from waypost.cli.exits import ExitCode

PHONES = [f"1202555{number:04}" for number in range(1000, 1020)]


async def test_the_master_key_is_changed_under_load_without_an_error(tmp_path, database_url, capsys):
    quick = {"store": {"directory_poll_seconds": 0.05}, "dispatch": {"pair_burst": 1000}}
    running = await start(settings_for(tmp_path, database_url, **quick))
    house = running.house
    await house.writes_first(*PHONES)
    where = ("--data-dir", str(tmp_path), "--database-url", database_url)
    is_over = asyncio.Event()
    ids, answers = [], []

    async def send():
        while not is_over.is_set():
            batch = await house.send(*(house.entry(phone) for phone in PHONES))
            await house.becomes("read", *batch)
            ids.extend(batch)

    async def change_secrets():
        webhook = {"name": "hook", "url": f"{house.sandbox_url}/inspector/webhooks", "kinds": ["notice"]}
        made = await house.call("POST", "/manage/v1/webhooks", json=webhook)
        answers.append(made[0])
        while not is_over.is_set():
            answers.append((await house.call("POST", f"/manage/v1/webhooks/{made[1]['id']}/rotate-secret"))[0])
            answers.append((await house.call("GET", f"/manage/v1/webhooks/{made[1]['id']}"))[0])

    async def change_key():
        try:
            for _ in range(3):
                for command in (("rotate", "--batch", "1"), ("drop", "--yes")):
                    assert ExitCode.OK == await asyncio.to_thread(run, ["master-key", *command, *where])
        finally:
            is_over.set()

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for work in (send(), change_secrets(), change_key()):
            group.create_task(work)
    assert 0 == await running.stop()

    assert "[error" not in capsys.readouterr().out
    assert len(ids) >= len(PHONES)
    assert set(answers) <= {200, 201}
    assert len(answers) > 3
    [_] = (tmp_path / "master.key").read_text().split()
    running = await start(settings_for(tmp_path, database_url))
    [message_id] = await running.house.send(running.house.entry(PHONES[0], "after the change"))
    await running.house.becomes("read", message_id)
    assert 0 == await running.stop()
