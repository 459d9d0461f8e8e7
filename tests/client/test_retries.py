"""What is made again and what is not, against a server that misbehaves."""

from io import BytesIO
from threading import Event

import pytest
from tests.client.loopback import LOST, SENT, Reply, refused_address

from waypost.client import (
    AuthenticationError,
    ConfigurationError,
    NotFoundError,
    OutcomeUnknownError,
    RateLimitedError,
    RefusedError,
    Retries,
    Text,
    Timeouts,
    TooLargeError,
    UnavailableError,
    UnexpectedAnswerError,
    WaypostError,
)

HELLO = Text(to="12025550143", body="hello")
OK = Reply(content=SENT)
FAILED = Reply(content={"status": "failure", "error": {"code": "8002", "message": "Phone number is not opted in"}})
KEY = "wp_0123456789abcdef"


async def test_a_send_whose_answers_are_lost_is_repeated_with_the_same_key_and_bytes(face, server):
    server.will(LOST, LOST, OK)

    sent = await face(face.client(server.url).send(HELLO))

    assert ("3f0c9a52",) == sent.ids
    assert 3 == len(server.seen)
    assert 1 == len({(seen.headers["idempotency-key"], seen.body) for seen in server.seen})


async def test_two_sends_have_different_keys_and_your_own_is_kept(face, server):
    client = face.client(server.url)

    await face(client.send(HELLO))
    await face(client.send(HELLO))
    await face(client.send(HELLO, idempotency_key="order-118"))

    keys = [seen.headers["idempotency-key"] for seen in server.seen]
    assert 3 == len(set(keys))
    assert "order-118" == keys[2]


async def test_a_send_without_a_key_is_not_repeated_once_it_may_have_arrived(face, server):
    server.will(LOST, OK)

    with pytest.raises(OutcomeUnknownError) as raised:
        await face(face.client(server.url, makes_keys=False).send(HELLO))

    assert raised.value.idempotency_key is None
    assert 1 == len(server.seen)
    assert "idempotency-key" not in server.seen[0].headers


async def test_an_outcome_that_stays_unknown_names_the_key_to_send_with_again(face, server):
    server.will(LOST)
    client = face.client(server.url, retries=Retries(attempts_max=2, first_wait_seconds=0))

    with pytest.raises(OutcomeUnknownError) as raised:
        await face(client.send(HELLO))
    server.will(OK)
    await face(client.send(HELLO, idempotency_key=raised.value.idempotency_key))

    assert 3 == len(server.seen)
    assert 1 == len({seen.headers["idempotency-key"] for seen in server.seen})


async def test_overload_after_a_lost_answer_leaves_the_outcome_unknown(face, server):
    server.will(LOST, Reply(status=503, headers={"Retry-After": "3600"}))

    with pytest.raises(OutcomeUnknownError) as raised:
        await face(face.client(server.url).send(HELLO))

    assert 3600 == raised.value.retry_after_seconds


async def test_a_server_that_is_not_there_is_asked_again_and_nothing_has_happened(face):
    with pytest.raises(UnavailableError) as raised:
        await face(face.client(refused_address(), makes_keys=False).send(HELLO))

    assert not isinstance(raised.value, OutcomeUnknownError)


@pytest.mark.parametrize("status", [429, 503])
async def test_too_busy_is_waited_for_as_the_server_asks(face, server, status):
    server.will(Reply(status=status, headers={"Retry-After": "0"}), Reply(status=status), OK)

    await face(face.client(server.url, makes_keys=False).send(HELLO))

    assert 3 == len(server.seen)


@pytest.mark.parametrize(("status", "error"), [(429, RateLimitedError), (503, UnavailableError)])
async def test_a_wait_longer_than_allowed_is_left_to_the_caller(face, server, status, error):
    server.will(Reply(status=status, headers={"Retry-After": "3600"}))

    with pytest.raises(error) as raised:
        await face(face.client(server.url).send(HELLO))

    assert 3600 == raised.value.retry_after_seconds
    assert 1 == len(server.seen)


async def test_tries_are_counted_and_their_time_is_bounded(face, server):
    server.will(Reply(status=503))

    with pytest.raises(UnavailableError):
        await face(face.client(server.url, retries=Retries(attempts_max=3, first_wait_seconds=0)).send(HELLO))
    with pytest.raises(UnavailableError):
        await face(face.client(server.url, retries=Retries(total_seconds_max=0)).send(HELLO))

    assert 4 == len(server.seen)


async def test_a_silent_server_is_given_up_after_the_timeout(face, server):
    is_over = Event()
    server.will(Reply(is_lost=True, done=lambda _: is_over.wait(30)))
    client = face.client(server.url, makes_keys=False, timeouts=Timeouts(total_seconds=0.2))

    with pytest.raises(OutcomeUnknownError):
        await face(client.send(HELLO))

    is_over.set()


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(status=403, content={"error": "Forbidden"}), AuthenticationError),
        (Reply(status=401, content=b""), AuthenticationError),
        (Reply(status=404, content={"status": 404}), NotFoundError),
        (Reply(status=413, content=b"no"), TooLargeError),
        (Reply(status=500, content=b"no"), UnexpectedAnswerError),
        (Reply(status=302, headers={"Location": "/elsewhere"}), UnexpectedAnswerError),
        (Reply(content=b"<html>"), UnexpectedAnswerError),
        (Reply(content={"status": "success"}), UnexpectedAnswerError),
        (Reply(content={"status": "success", "data": []}), UnexpectedAnswerError),
        (Reply(content={"status": "success", "data": {}}), UnexpectedAnswerError),
        (FAILED, RefusedError),
    ],
)
async def test_a_final_answer_is_told_once_and_says_what_to_do(face, server, reply, error):
    server.will(reply)

    with pytest.raises(error) as raised:
        await face(face.client(server.url, KEY).send(HELLO))

    assert 1 == len(server.seen)
    assert raised.value.hint in str(raised.value)
    assert KEY not in str(raised.value)
    assert "12025550143" not in str(raised.value)


@pytest.mark.parametrize("status", [200, 400, 404, 422])
async def test_a_refusal_names_its_code_text_and_place_whatever_the_http_status(face, server, status):
    error = {"code": "8006", "message": " recipient_whatsapp cannot be null or blank", "index": 1}
    server.will(Reply(status=status, content={"status": "failure", "error": error}))

    with pytest.raises(RefusedError) as raised:
        await face(face.client(server.url).send(HELLO, HELLO))

    refusal = raised.value
    assert ("8006", "recipient_whatsapp cannot be null or blank", 1) == (refusal.code, refusal.message, refusal.index)


async def test_reading_is_repeated_and_a_lost_deletion_that_finds_nothing_is_done(face, server):
    client = face.client(server.url)
    server.will(LOST, Reply(status=504), Reply(content=b"GIF", headers={"Content-Type": "image/gif"}))

    found = await face(client.media.read("m"))
    server.will(LOST, Reply(status=404))
    await face(client.media.delete("m"))

    assert (b"GIF", "image/gif") == (found.content, found.mime_type)
    with pytest.raises(NotFoundError):
        await face(client.media.delete("m"))


async def test_what_a_second_call_would_do_again_is_not_repeated(face, server):
    client = face.client(server.url)
    source = {"name": "s", "phone_number": "1", "phone_number_id": "2", "waba_id": "3", "access_token": "t"}

    for call in (
        lambda: client.sources.create(**source),
        lambda: client.templates.create("t", language="en", category="UTILITY", components=[]),
    ):
        server.will(LOST, OK)
        server.seen.clear()
        with pytest.raises(OutcomeUnknownError):
            await face(call())
        assert 1 == len(server.seen)


async def test_an_upload_starts_again_from_where_its_file_began(face, server, tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"x" * 600_000)
    answer = {"status": "success", "data": {"mediaId": "m1"}}
    client = face.client(server.url)

    with path.open("rb") as file:
        file.seek(100_000)
        for source, size in ((path, 600_000), (b"", 0), (b"abc", 3), (file, 500_000)):
            server.will(LOST, Reply(content=answer))
            server.seen.clear()
            assert "m1" == await face(client.media.upload(source, filename='a "b".txt'))
            first, second = server.seen
            assert first.body == second.body
            assert str(len(first.body)) == first.headers["content-length"]
            assert size == len(first.body.partition(b"\r\n\r\n")[2].rpartition(b"\r\n--")[0])
            assert b'filename="a %22b%22.txt"' in first.body


async def test_a_download_has_its_name_only_when_it_is_whole(face, server, tmp_path):
    path = tmp_path / "picture.png"
    path.write_bytes(b"old")
    client = face.client(server.url, retries=Retries(attempts_max=1))
    server.will(Reply(content=b"y" * 700_000, is_cut=True))

    with pytest.raises(UnavailableError):
        await face(client.media.download("m", path))
    assert [path] == list(tmp_path.iterdir())
    assert b"old" == path.read_bytes()

    server.will(Reply(content=b"y" * 700_000))
    assert path == await face(client.media.download("m", path))
    assert b"y" * 700_000 == path.read_bytes()


async def test_faults_of_ones_own_files_are_told_as_they_are(face, server, tmp_path):
    client = face.client(server.url)

    with pytest.raises(FileNotFoundError):
        await face(client.media.upload(tmp_path / "none.png"))
    with pytest.raises(FileNotFoundError):
        await face(client.media.download("m", tmp_path / "no" / "directory"))
    with pytest.raises(OSError, match="worn out"):
        await face(client.media.upload(WornOut(b"x" * 600_000)))


class WornOut(BytesIO):
    def read(self, size=-1):
        if self.tell():
            raise OSError(5, "worn out")
        return super().read(size)


async def test_a_closed_client_says_so_and_closes_twice(face, server):
    client = face.client(server.url)
    await face(client.close())
    await face(client.close())

    with pytest.raises(ConfigurationError):
        await face(client.send(HELLO))


async def test_a_request_that_cannot_be_made_is_not_tried(face, server):
    with pytest.raises(ConfigurationError):
        await face(face.client(server.url).send(HELLO, idempotency_key="a\nb"))
    with pytest.raises(ConfigurationError):
        await face(face.client("http://gate way").send(HELLO))

    assert [] == server.seen


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        ((None, "k"), {}),
        (("https://gateway.example", None), {}),
        (("gateway.example", "k"), {}),
        (("https://gateway.example?x=1", "k"), {}),
        (("https://[gateway.example", "k"), {}),
        (("https://shop:secret@gateway.example", "k"), {}),
        (("https://gateway.example", "k\n"), {}),
        ((None, None), {"WAYPOST_BASE_URL": "ftp://gateway.example", "WAYPOST_API_KEY": "k"}),
    ],
)
def test_a_client_without_address_or_key_is_not_made(face, arguments, environment, monkeypatch):
    for name in ("WAYPOST_BASE_URL", "WAYPOST_URL", "WAYPOST_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(ConfigurationError):
        face.client(*arguments)


async def test_the_environment_says_where_and_with_what(face, server, monkeypatch):
    monkeypatch.setenv("WAYPOST_BASE_URL", "https://gateway.example")
    monkeypatch.setenv("WAYPOST_URL", server.url + "/")
    monkeypatch.setenv("WAYPOST_API_KEY", KEY)

    client = face.client(None, None, source="417-220")
    await face(client.send(HELLO))

    [seen] = server.seen
    assert ("POST", "/api/v2/message/", f"Bearer {KEY}") == (seen.method, seen.path, seen.headers["authorization"])
    assert b'"source":"417-220"' in seen.body
    assert KEY not in repr(client) + repr(client._connection)


def test_the_hosted_original_gets_no_key_unless_asked(face):
    client = face.client("https://waapi.pepipost.com")

    assert not client._connection.makes_keys
    assert face.client("https://waapi.pepipost.com", makes_keys=True)._connection.makes_keys


async def test_a_request_has_1_to_1000_messages(face, server):
    client = face.client(server.url)

    for count in (0, 1001):
        with pytest.raises(ValueError, match="1 to 1000"):
            await face(client.send(*[HELLO] * count))
    assert [] == server.seen


def test_every_error_is_of_one_family():
    import waypost.client as library

    errors = [one for one in vars(library).values() if isinstance(one, type) and issubclass(one, Exception)]

    assert len(errors) == 15
    assert all(issubclass(one, WaypostError) for one in errors)
