"""The pages of webhooks: endpoints and their secrets, what they were told, and telling again."""

import re

from tests.console.conftest import Office

from waypost.store.endpoints import EndpointRecord, list_endpoints
from waypost.store.statements import Sql

KILL = Sql(
    "UPDATE notifications SET state = 2, attempts = 10, last_status = 500, last_error = 'it broke <i>' "
    "WHERE endpoint_id = :endpoint_id"
)
SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]+")


async def endpoints(office: Office) -> list[EndpointRecord]:
    foundation, account_id = office.house.demo.gateway.foundation, office.house.demo.account.account_id
    return await office.read(lambda tx: list_endpoints(tx, foundation.sealer, account_id, at_most=50))


async def made(office: Office, name: str) -> tuple[str, str]:
    """Make an endpoint at the demo's inspector; return its id and the page that showed its secret."""
    admin = await office.visitor("admin")
    answer = await admin.post(
        "/console/webhooks",
        url=f"{office.house.sandbox_url}/inspector/webhooks",
        name=name,
        kinds=["event"],
        max_batch="1",
        headers="X-Shop: spanner",
    )
    assert 200 == answer.status, answer.words
    return next(one.id for one in await endpoints(office) if one.name == name), answer.text


async def test_an_endpoint_is_made_with_a_secret_that_is_shown_once(office: Office):
    admin, viewer, stranger = [await office.visitor(name) for name in ("admin", "viewer", "stranger")]

    webhook_id, page = await made(office, "Shop <b>")
    path = f"/console/webhooks/{webhook_id}"
    secret = SECRET.search(page)[0]
    shown = await viewer.get(path)
    renewed = await admin.post(f"{path}/secret")

    assert secret not in shown.text
    assert "Shop &lt;b&gt;" in shown.text
    assert "X-Shop" in shown.text
    assert "spanner" not in shown.text
    assert SECRET.search(renewed.text)[0] != secret
    assert "Shop <b>" in (await viewer.get("/console/webhooks")).words.replace("&lt;", "<").replace("&gt;", ">")
    assert (404, 404) == ((await stranger.get(path)).status, (await stranger.post(f"{path}/delete")).status)
    operator = await office.visitor("operator")
    for step in ("change", "secret", "disable", "enable", "delete"):
        assert 403 == (await operator.post(f"{path}/{step}")).status
    assert 303 == (await admin.post(f"{path}/delete")).status
    assert 404 == (await admin.get(path)).status


async def test_wrong_input_is_named_and_makes_nothing(office: Office):
    admin, before = await office.visitor("admin"), len(await endpoints(office))
    good = {"url": f"{office.house.sandbox_url}/inspector/webhooks", "kinds": ["event"], "max_batch": "1"}

    for changes, words in (
        ({"url": ""}, "url: Field required"),
        ({"url": "gopher://example.org"}, "url: is not a URL that Waypost may connect to"),
        ({"kinds": []}, "kinds: List should have at least 1 item"),
        ({"max_batch": "many"}, "max batch: Input should be a valid integer"),
        ({"headers": "no colon here"}, "headers: line 1 has no colon"),
        ({"headers": "Content-Length: 4"}, "headers: "),
    ):
        answer = await admin.post("/console/webhooks", **{**good, **changes})
        assert (422, True) == (answer.status, words in answer.words), answer.words
    assert before == len(await endpoints(office))


async def test_a_test_is_delivered_and_its_body_is_shown_with_a_masked_number(office: Office):
    operator, house = await office.visitor("operator"), office.house
    webhook_id, _ = await made(office, "tested")

    sent = await operator.post(f"/console/webhooks/{webhook_id}/test")
    letter = sent.headers["location"]

    async def is_delivered() -> bool:
        return "State delivered" in (await operator.get(f"{letter}/part")).words

    await house.eventually(is_delivered)
    page = await operator.get(letter)
    assert "waypost-test" in page.text
    assert "12025550100" not in page.text
    assert "1202•••••00" in page.words
    listed = await operator.get(f"/console/webhooks/{webhook_id}?state=delivered")
    assert letter in listed.text
    assert 403 == (await (await office.visitor("viewer")).post(f"/console/webhooks/{webhook_id}/test")).status


async def test_dead_letters_are_listed_over_all_endpoints_and_told_again_alone_or_by_span(office: Office):
    operator, viewer, admin = [await office.visitor(name) for name in ("operator", "viewer", "admin")]
    webhook_id, _ = await made(office, "broken")
    path = f"/console/webhooks/{webhook_id}"
    letters = [(await operator.post(f"{path}/test")).headers["location"] for _ in range(2)]

    async def all_told() -> bool:
        page = await operator.get(f"{path}?state=delivered")
        return all(letter in page.text for letter in letters)

    await office.house.eventually(all_told)
    await office.write(lambda tx: tx.run(KILL, endpoint_id=webhook_id))
    dead = await viewer.get("/console/webhooks/dead")
    assert all(letter in dead.text for letter in letters)
    assert "it broke &lt;i&gt;" in dead.text
    assert 403 == (await viewer.post(f"{letters[0]}/replay")).status
    other = letters[0].replace(webhook_id, next(one.id for one in await endpoints(office) if one.id != webhook_id))
    assert 404 == (await operator.get(other)).status

    assert 303 == (await operator.post(f"{letters[0]}/replay")).status
    assert letters[0] not in (await viewer.get("/console/webhooks/dead")).text
    wrong = await operator.post(f"{path}/replay", span="", since="then", until="now")
    assert (422, True) == (wrong.status, "since: is no time" in wrong.words)
    told = await operator.post(f"{path}/replay", span="24h")
    assert (303, 0) == (told.status, (await viewer.get("/console/webhooks/dead")).text.count(webhook_id))
    await office.house.eventually(all_told)

    assert 303 == (await admin.post(f"{path}/disable", reason="it moves")).status
    assert "it moves" in (await viewer.get(path)).words
    refused = await operator.post(f"{path}/test")
    assert (409, True) == (refused.status, "The webhook is disabled: it moves." in refused.words)
    assert 303 == (await admin.post(f"{path}/enable")).status
    changed = await admin.post(
        f"{path}/change", name="mended", kinds=["event", "notice"], max_batch="5", stickers="yes"
    )
    record = next(one for one in await endpoints(office) if one.id == webhook_id)
    assert (303, "mended", 5, ("X-Shop",)) == (changed.status, record.name, record.max_batch, record.header_names)
