"""A whole gateway with two accounts; the first owns one of everything."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from tests.store.rows import add

from waypost.app.foundation import Foundation, open_foundation
from waypost.app.gateway import Gateway
from waypost.domain.consent import ConsentAction, ConsentEvidence
from waypost.sandbox import SandboxSettings, build_sandbox, serve
from waypost.service import run_services
from waypost.settings import Settings
from waypost.store.accounts import create_account, create_key, mint_key
from waypost.store.consents import ConsentWrite, record_consents
from waypost.store.groups import GroupRecord, save_group
from waypost.store.template_reading import TemplateRecord
from waypost.store.template_writing import keep_template
from waypost.web.auth import ACCOUNT_SCOPES, Scope

CANARY = "canary-of-the-owner"
RECIPIENT = "12025550143"
ABSENT = "01c17ac6-a3d0-7000-8000-0000000000ff"


@dataclass
class House:
    """The gateway's address, the keys of ``owner``, ``stranger`` and ``operator``, and what the owner owns."""

    url: str
    session: aiohttp.ClientSession
    foundation: Foundation
    keys: dict[str, str]
    owned: dict[str, str] = field(default_factory=dict)

    async def call(
        self,
        who: str,
        method: str,
        path: str,
        *,
        json: Any = None,
        headers: dict[str, str] | None = None,
        data: Any = None,
    ) -> tuple[int, Any]:
        sent = {"Authorization": f"Bearer {self.keys[who]}", **(headers or {})}
        if json is not None:
            sent["Content-Type"] = "application/json"
            data = orjson.dumps(json)
        async with self.session.request(method, self.url + path, data=data, headers=sent) as answer:
            body = await answer.read()
        if "json" not in answer.headers.get("Content-Type", ""):
            return answer.status, body
        content = orjson.loads(body)
        if isinstance(content, dict) and "type" in content and "hint" in content:
            content.pop("id")  # each problem has its own
        return answer.status, content


@pytest.fixture
async def house(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.chdir(tmp_path)
    async with asyncio.TaskGroup() as group:
        provider_url, provider = await _provider(group)
        settings = Settings.load(
            data_dir=tmp_path,
            database_url=database_url,
            port=0,
            default_provider="sandbox",
            sandbox_url=provider_url,
        )
        foundation = await open_foundation(settings)
        keys = await _accounts(foundation)
        gateway = Gateway(foundation, frozenset({"accept"}))
        ready, stop = asyncio.Event(), asyncio.Event()
        group.create_task(
            run_services(gateway.services, drain_seconds=5.0, on_ready=ready.set, stop=stop, handle_signals=False)
        )
        await ready.wait()
        gateway.is_ready = True
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
            house = House(f"http://127.0.0.1:{gateway.server.port}", session, foundation, keys)
            await _furnish(house)
            yield house
        stop.set()
        provider.cancel()


async def _provider(group: asyncio.TaskGroup) -> tuple[str, "asyncio.Task[None]"]:
    """Serve a sandbox that knows the owner's number; return its URL and what ends it."""
    sandbox = build_sandbox(SandboxSettings())
    sandbox.network.register_number(
        phone_number_id="pn1",
        display_phone_number="12025550199",
        waba_id="w1",
        access_token="t",
        app_secret="s",
        callback_url="http://127.0.0.1:9/",
        verify_token="v",
        verified_name="Owner",
    )
    serving: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = group.create_task(serve(sandbox, "127.0.0.1", 0, serving.set_result))
    return await serving, task


async def _accounts(foundation: Foundation) -> dict[str, str]:
    keys = {}
    for name, scopes in (("owner", ACCOUNT_SCOPES), ("stranger", ACCOUNT_SCOPES), ("operator", {Scope.MANAGE})):
        minted = mint_key()
        await foundation.database.write(
            lambda tx, name=name: create_account(tx, account_id=name, name=f"{name} {CANARY}", now_us=1)
        )
        await foundation.database.write(
            lambda tx, name=name, minted=minted, scopes=scopes: create_key(
                tx, account_id=name, key=minted, name="k", scopes=frozenset(scopes), now_us=1
            )
        )
        keys[name] = minted.token
    await foundation.directory.refresh()
    return keys


async def _furnish(house: House) -> None:
    """Give the owner one of everything, through the API where it can make it."""
    source = {
        "name": CANARY,
        "phone_number": "12025550199",
        "phone_number_id": "pn1",
        "waba_id": "w1",
        "access_token": "t",
    }
    hook = {"url": f"https://hooks.example.org/{CANARY}", "name": CANARY}
    made = [
        await house.call("owner", "POST", "/manage/v1/sources", json={**source, "has_groups": True}),
        await house.call("owner", "POST", "/manage/v1/webhooks", json=hook),
        await house.call("owner", "POST", "/manage/v1/keys", json={"name": CANARY, "scopes": ["messages:read"]}),
        await house.call(
            "stranger", "POST", "/manage/v1/sources", json={**source, "name": "x", "phone_number_id": "pn2"}
        ),
    ]
    assert [201] * 4 == [status for status, _ in made], made
    entry = {"message_type": "text", "type_text": [{"content": CANARY}]}
    status, bulk = await house.call("owner", "POST", "/manage/v1/bulk-sends", json={"name": CANARY, "entry": entry})
    assert status == 200, bulk
    rows = {"rows": [{"recipient": RECIPIENT, "fields": {"name": CANARY}}]}
    status, _ = await house.call("owner", "PUT", f"/manage/v1/bulk-sends/{bulk['id']}/rows", json=rows)
    assert status == 200
    form = aiohttp.FormData()
    form.add_field("file", b"\x89PNG\r\n\x1a\n" + _PNG_REST, filename="p.png", content_type="image/png")
    status, uploaded = await house.call("owner", "POST", "/api/v2/media/upload/", data=form)
    assert uploaded["status"] == "success", (status, uploaded)
    now_us = house.foundation.clock.now_us()
    message_id, notification_id = house.foundation.ids.new(), house.foundation.ids.new()
    evidence = (ConsentEvidence(recipient=RECIPIENT, source="WEB", user_agent=CANARY),)
    write = ConsentWrite(account_id="owner", action=ConsentAction.OPTIN, evidence=evidence, now_us=now_us)

    def fill(tx: Any) -> None:
        own = {"account_id": "owner"}
        add(
            tx,
            "messages",
            id=message_id,
            source_id=made[0][1]["id"],
            caller_data=CANARY,
            accepted_at_us=now_us,
            wamid="wamid.owner",
            state=10,
            due_at_us=now_us * 2,
            **own,
        )
        add(tx, "attempts", message_id=message_id, number=1, detail=CANARY, **own)
        add(
            tx,
            "notifications",
            id=notification_id,
            endpoint_id=made[1][1]["id"],
            subject_id=message_id,
            state=2,
            last_error=CANARY,
            **own,
        )
        add(tx, "delivery_attempts", id="d", notification_id=notification_id, endpoint_id=made[1][1]["id"], **own)
        add(
            tx,
            "inbound_messages",
            id=house.foundation.ids.new(),
            provider_id=CANARY,
            source_id=made[0][1]["id"],
            **own,
        )
        template = TemplateRecord(
            waba_id="w1",
            name="owners",
            language="en",
            provider_id="4242424242",
            category="UTILITY",
            status="APPROVED",
            quality="GREEN",
            rejected_reason="",
            components=[{"type": "BODY", "text": CANARY}],
            changed_at_us=now_us,
        )
        keep_template(tx, "owner", template)
        group = GroupRecord(
            account_id="owner",
            source_id=made[0][1]["id"],
            id="Y2FwaV9ncm91cA==",
            subject=CANARY,
            invite_link=f"https://chat.whatsapp.com/{CANARY}",
            participants=(RECIPIENT,),
            created_at_us=now_us,
            changed_at_us=now_us,
        )
        save_group(tx, group)
        record_consents(tx, house.foundation.ids, [write])

    await house.foundation.database.write(fill)
    house.owned = {
        "account": "owner",
        "bulk": bulk["id"],
        "group": "Y2FwaV9ncm91cA==",
        "key": made[2][1]["id"],
        "media": uploaded["data"]["mediaId"],
        "message": message_id,
        "notification": notification_id,
        "source": made[0][1]["id"],
        "template": "4242424242",
        "webhook": made[1][1]["id"],
    }


# The rest of a picture of one black pixel.
_PNG_REST = bytes.fromhex(
    "0000000d49484452000000010000000108000000003a7e9b550000000a49444154789c6360000000020001"
    "48afa4710000000049454e44ae426082"
)
