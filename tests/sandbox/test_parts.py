"""Small parts on their own: limits, media kinds, settings, background work, and life inside another server."""

import asyncio
import inspect
import io
import zipfile
from typing import Any

import pytest

from waypost.sandbox import SandboxSettings, build_sandbox
from waypost.sandbox.graph.media_kinds import bytes_max, is_animated_webp, kind_of, matches, sniff
from waypost.sandbox.ids import user_id
from waypost.sandbox.limits import RateBucket, TokenBuckets
from waypost.sandbox.tasks import BackgroundWork

from .conftest import NUMBER, NUMBER_ID, SECRET, TOKEN, WABA, World


def test_a_pairs_burst_is_paid_back_at_its_interval() -> None:
    pairs = TokenBuckets(interval_seconds=6, burst=3)

    assert [pairs.take("a", 100.0) for _ in range(4)] == [True, True, True, False]
    assert not pairs.take("a", 105.9)
    assert pairs.take("a", 106.0)
    assert not pairs.take("a", 106.0)
    assert pairs.take("b", 100.0)


def test_full_buckets_are_forgotten() -> None:
    pairs = TokenBuckets(interval_seconds=1, burst=1, remembered_max=10)

    for index in range(1000):
        pairs.take(str(index), float(index * 10))

    assert len(pairs._full_at) <= 12


def test_a_rate_of_zero_never_refuses() -> None:
    bucket = RateBucket(0)

    assert all(bucket.take(1.0) for _ in range(1000))


def office(name: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, "<x/>")
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "subtype"),
    [
        ("word/document.xml", "wordprocessingml.document"),
        ("xl/workbook.xml", "spreadsheetml.sheet"),
        ("ppt/presentation.xml", "presentationml.presentation"),
    ],
)
def test_office_files_are_known_by_what_is_in_them(name: str, subtype: str) -> None:
    mime_type = f"application/vnd.openxmlformats-officedocument.{subtype}"

    assert matches(office(name), mime_type)
    assert kind_of(mime_type) == "document"


def test_other_archives_and_broken_ones_are_no_documents() -> None:
    assert sniff(office("readme.txt")) == "application/zip"
    assert sniff(b"PK\x03\x04broken") == "application/zip"
    assert not matches(b"\xff\xfe\xfa", "text/plain")
    assert kind_of("image/gif; x=y") is None


def test_an_animated_sticker_may_be_larger() -> None:
    animated = b"RIFF\x00\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x02" + bytes(20)

    assert is_animated_webp(animated)
    assert bytes_max("sticker", animated) == 500 * 1024
    assert bytes_max("sticker", b"RIFF") == 100 * 1024


def test_three_gpp_audio_mp4_and_video_mp4_share_a_container() -> None:
    for brand in (b"3gp5", b"M4A ", b"isom"):
        assert matches(b"\x00\x00\x00\x18ftyp" + brand + bytes(20), "video/mp4")


def test_a_user_id_has_the_country_of_the_number() -> None:
    assert user_id("12025550143").startswith("US.")
    assert user_id("5511987654321").startswith("BR.")
    assert user_id("12025550143") == user_id("12025550143")


@pytest.mark.parametrize(
    "settings", [{"webhook_batch_max": 0}, {"webhook_concurrency": 0}, {"base_url": "http://127.0.0.1/"}]
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        SandboxSettings(**settings)


async def test_background_work_outlives_one_failing_task(caplog: pytest.LogCaptureFixture) -> None:
    work = BackgroundWork()
    done = asyncio.Event()

    async def fail() -> None:
        raise LookupError

    async def succeed() -> None:
        done.set()

    work.spawn(succeed())
    work.call_later(0, done.set)
    assert not done.is_set()
    await work.start()
    await work.start()
    work.spawn(fail())
    await asyncio.sleep(0)
    work.spawn(succeed())
    await asyncio.wait_for(done.wait(), 5)
    work.call_later(3600, done.set)
    await work.stop()

    assert "sandbox task failed" in caplog.text


async def test_work_that_was_spawned_but_never_began_is_dropped_in_silence() -> None:
    """Warnings are errors here: a coroutine that is thrown away unawaited warns."""
    work = BackgroundWork()
    began = asyncio.Event()

    async def begin() -> None:
        began.set()

    await work.start()
    stopping = asyncio.create_task(work.stop())
    await asyncio.sleep(0)  # it has told the group to end, which has not come to it yet
    late = begin()
    work.spawn(late)
    await stopping

    assert not began.is_set()
    assert inspect.getcoroutinestate(late) == inspect.CORO_CLOSED


class Answer:
    """What an application sends to a server, put together."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.body = b""

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], dict(message["headers"])
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")


async def asked(app: Any, path: str, *, root_path: str = "", method: str = "GET", body: bytes = b"") -> Answer:
    scope = {
        "type": "http",
        "method": method,
        "path": root_path + path,
        "root_path": root_path,
        "query_string": b"",
        "headers": [(b"host", b"gateway.invalid"), (b"authorization", b"OAuth " + TOKEN.encode())],
        "scheme": "https",
    }
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> Any:
        return next(messages, {"type": "http.disconnect"})

    answer = Answer()
    await app(scope, receive, answer.send)
    return answer


@pytest.fixture
def mounted() -> Any:
    sandbox = build_sandbox(SandboxSettings())
    sandbox.network.register_number(
        phone_number_id=NUMBER_ID,
        display_phone_number=NUMBER,
        waba_id=WABA,
        access_token=TOKEN,
        app_secret=SECRET,
    )
    return sandbox


async def test_it_works_below_another_applications_path(mounted: Any) -> None:
    answer = await asked(mounted, f"/v23.0/{NUMBER_ID}", root_path="/meta")
    home = await asked(mounted, "/sandbox/", root_path="/meta")

    assert answer.status == 200
    assert home.status == 200
    assert b"https://gateway.invalid/meta/sandbox/phones/" in home.body


async def test_a_server_that_cannot_reset_is_told_when_the_rule_is_made(mounted: Any) -> None:
    refused = await asked(mounted, "/sandbox/faults", method="POST", body=b'{"kind":"reset_before"}')
    assert refused.status == 409

    mounted.faults.add({"kind": "reset_before"})
    body = b'{"messaging_product":"whatsapp","to":"+12025550143","type":"text","text":{"body":"hi"}}'
    answer = await asked(mounted, f"/{NUMBER_ID}/messages", method="POST", body=body)

    assert (answer.status, answer.headers[b"connection"]) == (502, b"close")


async def test_lifespan_starts_and_stops_it(mounted: Any) -> None:
    incoming = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    outgoing = []

    async def receive() -> Any:
        return next(incoming)

    async def send(message: Any) -> None:
        outgoing.append((message["type"], mounted.work.is_running))

    await mounted({"type": "lifespan"}, receive, send)

    assert outgoing == [("lifespan.startup.complete", True), ("lifespan.shutdown.complete", False)]


async def test_request_code_and_changes_of_a_number(world: World) -> None:
    assert (await world.call("POST", f"/{NUMBER_ID}/request_code", {"code_method": "SMS"}))[0] == 200
    assert (await world.call("POST", f"/{NUMBER_ID}", {"pin": "123456"}))[0] == 200
    assert (await world.call("POST", f"/{NUMBER_ID}", {}))[1]["error"]["code"] == 131008
    assert (await world.call("POST", f"/{NUMBER_ID}/register", {"pin": "12"}))[1]["error"]["code"] == 131009
    cleared = {"webhook_configuration": {"override_callback_uri": "", "verify_token": ""}}
    assert (await world.call("POST", f"/{NUMBER_ID}", cleared))[0] == 200
    assert (await world.call("POST", f"/{WABA}/subscribed_apps", {"override_callback_uri": 5}))[1]["error"][
        "code"
    ] == 131009


async def test_a_form_is_read_like_json(world: World) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    url = f"{world.url}/{NUMBER_ID}/register"
    async with world.http.post(url, data={"pin": "123456"}, headers=headers) as response:
        assert response.status == 200
    async with world.http.post(url, data=b'{"pin":"123456"}', headers=headers) as response:
        assert response.status == 200
    for raw in (b"{", b"[]"):
        async with world.http.post(url, data=raw, headers=headers) as response:
            assert (await response.json())["error"]["code"] == 100
