"""The provider's endpoint: handshake, size, signature, and 200 only for what is durable."""

import hmac
from urllib.parse import urlencode

import pytest
from tests.receive.gateway import NOW_US, Gateway
from tests.receive.webhooks import messages, text

from waypost.store.directory import bump_directory
from waypost.store.sealing import Sealer
from waypost.store.statements import Sql
from waypost.web.receiver import CloudApiReceiver


class Endpoint:
    """Calls the receiver as the server would."""

    def __init__(self, gateway: Gateway, **options) -> None:
        self.receiver = CloudApiReceiver(
            gateway.ingester, gateway.directory, gateway.clock, metrics=gateway.metrics, **options
        )

    async def call(self, method: str, name: str, *, query="", headers=(), pieces=(b"",)):
        """Return (status, headers, body); ``pieces`` None: the client goes away in the middle."""
        sent = []
        events = [
            {"type": "http.request", "body": piece, "more_body": place < len(pieces) - 1}
            for place, piece in enumerate(pieces)
        ]
        if pieces[-1] is None:
            events[-1] = {"type": "http.disconnect"}

        async def receive():
            return events.pop(0)

        async def send(event):
            sent.append(event)

        scope = {
            "type": "http",
            "method": method,
            "path": f"/webhooks/cloud_api/{name}",
            "query_string": query.encode(),
            "headers": list(headers),
        }
        await self.receiver(scope, receive, send)
        if not sent:
            return None
        assert [event["type"] for event in sent] == ["http.response.start", "http.response.body"]
        return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]

    async def post(self, raw: bytes, *, secret="app secret", name="source-1", pieces=None, signature=None):
        if signature is None:
            signature = f"sha256={hmac.digest(secret.encode(), raw, 'sha256').hex()}".encode()
        answer = await self.call("POST", name, headers=[(b"x-hub-signature-256", signature)], pieces=pieces or (raw,))
        return answer[0]

    async def shake(self, name="source-1", *, token="verify me", mode="subscribe", challenge="1158201444"):
        query = urlencode({"hub.mode": mode, "hub.verify_token": token, "hub.challenge": challenge})
        return await self.call("GET", name, query=query)


@pytest.fixture
def database_url(migrated_sqlite_url: str) -> str:
    """What is tested here does not depend on the kind of database."""
    return migrated_sqlite_url


@pytest.fixture
def endpoint(gateway: Gateway) -> Endpoint:
    return Endpoint(
        gateway, app_secrets=("operator secret", "former operator secret"), app_verify_token="operator token"
    )


async def kept(gateway: Gateway) -> int:
    return len(await gateway.rows("SELECT 1 FROM raw_webhooks"))


async def test_the_challenge_is_answered_to_the_right_token(endpoint: Endpoint):
    status, headers, body = await endpoint.shake()

    assert (status, body) == (200, b"1158201444")
    assert headers[b"content-type"].startswith(b"text/plain")
    assert headers[b"content-length"] == b"10"


async def test_the_operators_app_has_a_token_of_its_own(endpoint: Endpoint, gateway: Gateway):
    assert (await endpoint.shake("app", token="operator token"))[0] == 200
    assert (await endpoint.shake("app"))[0] == 403
    assert (await Endpoint(gateway).shake("app", token=""))[0] == 403


@pytest.mark.parametrize(
    "wrong", [{"token": "verify"}, {"token": ""}, {"token": "é"}, {"mode": "unsubscribe"}, {"challenge": "1" * 1001}]
)
async def test_any_other_handshake_is_refused(endpoint: Endpoint, wrong):
    status, _, body = await endpoint.shake(**wrong)

    assert (status, body) == (403, b"")


async def test_a_handshake_without_parameters_is_refused(endpoint: Endpoint):
    assert (await endpoint.call("GET", "source-1"))[0] == 403


async def test_a_signed_post_is_kept_and_then_answered(endpoint: Endpoint, gateway: Gateway):
    assert await endpoint.post(messages(text("wamid.1", "hi"))) == 200

    assert await kept(gateway) == 1
    assert gateway.counted("waypost_receive_webhooks_total", outcome="kept") == 1


async def test_a_repeat_is_answered_200_too(endpoint: Endpoint, gateway: Gateway):
    raw = messages(text("wamid.1", "hi"))

    assert [await endpoint.post(raw), await endpoint.post(raw)] == [200, 200]

    assert gateway.counted("waypost_receive_webhooks_total", outcome="repeat") == 1


async def test_a_body_in_pieces_is_put_together(endpoint: Endpoint, gateway: Gateway):
    raw = messages(text("wamid.1", "hi"))

    assert await endpoint.post(raw, pieces=(raw[:10], raw[10:20], raw[20:])) == 200


async def test_a_forged_post_stores_nothing(endpoint: Endpoint, gateway: Gateway):
    raw = messages(text("wamid.1", "hi"))

    assert await endpoint.post(raw, secret="guessed") == 403
    assert await endpoint.post(raw, signature=b"") == 403
    assert (await endpoint.call("POST", "source-1", pieces=(raw,)))[0] == 403

    assert await kept(gateway) == 0
    assert gateway.counted("waypost_receive_webhooks_total", outcome="forged") == 3


async def test_the_signature_is_over_the_bytes_and_not_over_their_meaning(endpoint: Endpoint):
    raw = messages(text("wamid.1", "hi"))
    signature = f"sha256={hmac.digest(b'app secret', raw, 'sha256').hex()}".encode()

    assert await endpoint.post(raw.replace(b":", b": ", 1), signature=signature) == 403


async def test_a_source_without_a_secret_is_served_by_the_operators(endpoint: Endpoint, gateway: Gateway):
    raw = messages(text("wamid.1", "hi"), number_id="222")

    assert await endpoint.post(raw, name="source-2", secret="app secret") == 403
    assert await endpoint.post(raw, name="source-2", secret="operator secret") == 200
    assert await endpoint.post(raw + b" ", name="app", secret="former operator secret") == 200


async def test_without_any_secret_nothing_is_believed(gateway: Gateway):
    raw = messages(text("wamid.1", "hi"), number_id="222")

    assert await Endpoint(gateway).post(raw, name="source-2", secret="") == 403


async def test_a_former_secret_is_good_until_its_time(endpoint: Endpoint, gateway: Gateway):
    sealed = Sealer([b"k" * 32]).seal("former secret", place="sources/source-1/app_secret_old")
    statement = Sql(
        "UPDATE sources SET app_secret_old_sealed = :sealed, app_secret_old_until_us = :until WHERE id = 'source-1'"
    )
    await gateway.database.write(lambda tx: (tx.run(statement, sealed=sealed, until=NOW_US + 1), bump_directory(tx)))
    await gateway.directory.refresh()
    raw = messages(text("wamid.1", "hi"))

    assert await endpoint.post(raw, secret="former secret") == 200
    assert await endpoint.post(raw) == 200
    gateway.clock.at_us += 1
    assert await endpoint.post(raw, secret="former secret") == 403
    assert await endpoint.post(raw) == 200


@pytest.mark.parametrize("pieces", [(b"x" * 101,), (b"x" * 60, b"x" * 60, b"never read")])
async def test_a_body_that_is_too_large_is_refused_before_anything_else(gateway: Gateway, pieces):
    endpoint = Endpoint(gateway, body_bytes_max=100)

    assert (await endpoint.call("POST", "source-1", pieces=pieces))[0] == 413

    assert await kept(gateway) == 0
    assert gateway.counted("waypost_receive_webhooks_total", outcome="too_large") == 1


async def test_a_client_that_goes_away_gets_no_answer(endpoint: Endpoint):
    assert await endpoint.call("POST", "source-1", pieces=(b"x", None)) is None


async def test_a_store_that_is_away_is_503_so_that_it_comes_again(endpoint: Endpoint, gateway: Gateway):
    await gateway.database.stop()

    assert await endpoint.post(messages(text("wamid.1", "hi"))) == 503
    assert gateway.counted("waypost_receive_webhooks_total", outcome="unavailable") == 1


@pytest.mark.parametrize("name", ["unknown", "", "source-1x", "app/../source-9"])
async def test_an_unknown_source_is_404(endpoint: Endpoint, name):
    for method in ("GET", "POST"):
        assert (await endpoint.call(method, name))[0] == 404


@pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD", "OPTIONS"])
async def test_another_method_is_405(endpoint: Endpoint, method):
    status, headers, _ = await endpoint.call(method, "app")

    assert (status, headers[b"allow"]) == (405, b"GET, POST")


async def test_a_slash_at_the_end_is_forgiven(endpoint: Endpoint):
    assert (await endpoint.shake("source-1/"))[0] == 200
