"""Both clients against a running gateway: everything that the API has, end to end."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from tests.client.loopback import Reply, forwarding

from waypost.client import (
    AuthenticationError,
    ChoiceList,
    Client,
    ContactCard,
    Contacts,
    Evidence,
    Location,
    Media,
    MediaTemplate,
    MessageFailedError,
    NotFoundError,
    Reaction,
    RefusedError,
    ReplyButton,
    ReplyButtons,
    Row,
    Section,
    Template,
    Text,
    WaitTimeoutError,
)

PICTURE = "picture.png"


def png():
    from waypost.app.demo_story import _draw

    return _draw()


async def test_a_picture_is_uploaded_sent_followed_fetched_and_deleted(face, stage, numbers, tmp_path):
    client, to = face.client(stage.base_url, stage.api_key, source=stage.source_id), numbers[0]
    stage.writes(to)
    path = tmp_path / PICTURE
    path.write_bytes(png())

    media_id = await face(client.media.upload(path))
    sent = await face(client.send(Media(to=to, media_id=media_id, caption="Ready", caller_data="ticket-118")))
    report = await face(client.wait_for(sent.id, "read"))

    assert ("read", to, "media", "ticket-118", stage.source_id, "") == (
        report.status,
        report.recipient,
        report.message_type,
        report.caller_data,
        report.source,
        report.status_remark,
    )
    assert ["sent", "delivered", "read"] == [step.status for step in report.timeline]
    assert all(abs((datetime.now(UTC) - step.at).total_seconds()) < 300 for step in report.timeline)
    assert "Ready" == stage.received(to)[-1]["image"]["caption"]

    found = await face(client.media.read(media_id))
    copy = await face(client.media.download(media_id, tmp_path / "copy.png"))
    assert (png(), "image/png", png()) == (found.content, found.mime_type, copy.read_bytes())
    await face(client.media.delete(media_id))
    with pytest.raises(NotFoundError):
        await face(client.media.read(media_id))
    with pytest.raises(RefusedError) as raised:
        await face(client.media.upload(bytes(range(256)), filename="x.png"))
    assert "8008" == raised.value.code


async def test_a_batch_of_every_free_type_arrives_in_order_with_an_id_each(face, stage, numbers):
    client, to = face.client(stage.base_url, stage.api_key, source=stage.source_id), numbers[0]
    stage.writes(to)
    [first] = await face(client.send(Text(to=to, body="first")))
    await face(client.wait_for(first, "read"))

    sent = await face(
        client.send(
            Text(to=f"+{to}", body="one", reply_to=first),
            Location(to=to, longitude=-77.0365, latitude=38.8977),
            ReplyButtons(to=to, body="When?", buttons=[ReplyButton(id="am", title="Morning")]),
            ChoiceList(to=to, body="What?", button="Show", sections=[Section(rows=[Row(id="r", title="Brakes")])]),
            Contacts(to=to, cards=[ContactCard(formatted_name="Shop", phones=["+12025550199"])]),
            Reaction(to=to, message_id=first, emoji="👍"),
            has_priority=True,
        )
    )
    assert (6, 6) == (len(sent), len(set(sent)))
    await face(client.wait_for(sent.ids[-2], "read"))
    await face(client.wait_for(sent.ids[-1], "sent"))

    kinds = [message["type"] for message in stage.received(to)]
    assert sorted(["text", "text", "location", "interactive", "interactive", "contacts", "reaction"]) == sorted(kinds)


async def test_a_refused_entry_names_its_place_and_nothing_is_sent(face, stage, numbers):
    client, to = face.client(stage.base_url, stage.api_key), numbers[0]
    stage.writes(to)

    with pytest.raises(RefusedError) as raised:
        await face(client.send(Text(to=to, body="one"), Text(to="123", body="two")))

    assert ("8006", 1) == (raised.value.code, raised.value.index)
    assert [] == stage.received(to)


async def test_consents_are_recorded_once_and_blocks_hold(face, stage, numbers):
    client, (one, two, three, four) = face.client(stage.base_url, stage.api_key), numbers

    assert await face(client.consent.check(one)) is None
    recorded = await face(client.consent.opt_in(Evidence(recipient=one, source="WEB", user_agent="Mozilla")))
    again = await face(client.consent.opt_in(one))
    several = await face(client.consent.opt_in(one, two, "12", three))
    assert (1, 0, ["8005"]) == (recorded.processed_count, again.processed_count, [one.code for one in again.failed])
    assert (2, ["8005", "8006"]) == (several.processed_count, [one.code for one in several.failed])

    found = await face(client.consent.check(one))
    assert (one, "WEB", "Mozilla") == (found.phone_number, found.source, found.user_agent)
    assert found.created_at.tzinfo is UTC
    out = await face(client.consent.opt_out(one, four))
    assert (2, ()) == (out.processed_count, out.failed)
    assert await face(client.consent.check(one)) is None

    stage.writes(two)
    assert 1 == (await face(client.consent.block(two))).processed_count
    with pytest.raises(RefusedError) as raised:
        await face(client.send(Text(to=two, body="x")))
    assert "8002" == raised.value.code
    assert 1 == (await face(client.consent.unblock(two))).processed_count
    await face(client.send(Text(to=two, body="x")))
    with pytest.raises(RefusedError) as raised:
        await face(client.consent.opt_in("not a number"))
    assert "8006" == raised.value.code


async def test_sources_are_made_shown_changed_and_deleted(face, stage, numbers):
    client = face.client(stage.base_url, stage.api_key)

    made = await face(
        client.sources.create(
            name="Second", phone_number=numbers[0], phone_number_id=f"pn{numbers[0]}", waba_id="1", access_token="token"
        )
    )
    await face(client.sources.change(made, name="Third"))
    shown = await face(client.sources.get(made))
    listed = await face(client.sources.list())
    assert ("Third", numbers[0], False) == (shown.name, shown.phone_number, shown.is_default)
    assert shown in listed
    assert {stage.source_id, made} <= {source.id for source in listed}
    await face(client.sources.delete(made))
    with pytest.raises(NotFoundError):
        await face(client.sources.get(made))
    with pytest.raises(RefusedError):
        await face(client.sources.create(name="", phone_number="1", phone_number_id="2", waba_id="3", access_token="4"))


async def test_a_webhook_is_switched_off_and_on(face, stage):
    client = face.client(stage.base_url, stage.api_key)
    [inspector] = [one for one in stage.manage("GET", "/webhooks")["items"] if one["name"] == "inspector"]

    await face(client.switch_webhook("inspector", "event", is_enabled=False))
    assert stage.manage("GET", f"/webhooks/{inspector['id']}")["disabled_at"]
    await face(client.switch_webhook("inspector", "event", is_enabled=True))
    assert not stage.manage("GET", f"/webhooks/{inspector['id']}")["disabled_at"]
    with pytest.raises(RefusedError):
        await face(client.switch_webhook("nobody", "event", is_enabled=True))


async def test_a_wait_ends_with_a_failure_or_with_its_time(face, stage, numbers):
    client, (gone, silent, *_) = face.client(stage.base_url, stage.api_key), numbers
    stage.writes(gone)
    stage.writes(silent)
    stage.sandbox("PUT", f"/sandbox/phones/{gone}", json={"on_whatsapp": False})
    stage.sandbox("PUT", f"/sandbox/phones/{silent}", json={"reads": "never"})

    failing = await face(client.send(Text(to=gone, body="x")))
    with pytest.raises(MessageFailedError) as raised:
        await face(client.wait_for(failing.id, "delivered"))
    assert "8003" == raised.value.code

    unread = await face(client.send(Text(to=silent, body="x")))
    await face(client.wait_for(unread.id, "delivered"))
    with pytest.raises(WaitTimeoutError):
        await face(client.wait_for(unread.id, "read", timeout_seconds=0))


async def test_a_message_that_came_in_is_marked_read_with_typing(face, stage, numbers):
    client, to = face.client(stage.base_url, stage.api_key), numbers[0]
    stage.writes(to)
    [heard] = stage.sandbox("GET", f"/sandbox/phones/{to}/messages?direction=sent")["messages"]

    await face(client.mark_read(heard["wamid"], shows_typing=True))

    [seen] = stage.sandbox("GET", f"/sandbox/phones/{to}/messages?direction=sent")["messages"]
    assert seen["ticks"]["read"]
    assert seen["typing"]
    with pytest.raises(NotFoundError):
        await face(client.mark_read("wamid.unknown"))


async def test_reports_count_what_was_sent(face, stage, numbers):
    client, to = face.client(stage.base_url, stage.api_key), numbers[0]
    stage.writes(to)
    tag = f"report-{to}"
    sent = await face(client.send(Text(to=to, body="one", caller_data=tag), Text(to=to, body="two", caller_data=tag)))
    await face(client.wait_for(sent.ids[-1], "read"))
    today = datetime.now(UTC).date()
    days = (today - timedelta(days=1), today)

    stats = await face(client.reports.stats(*days, tag=tag))
    page = await face(client.reports.messages(*days, limit=1, tag=tag))
    rest = await face(client.reports.messages(*days, cursor=page.next_cursor, tag=tag))
    summary = await face(client.reports.summary(*days))

    assert [day.isoformat() for day in days] == [period.first_day for period in stats.periods]
    assert (2, 2) == (stats.total["sent"], stats.periods[-1].counts["sent"])
    assert [*sent] == [message["id"] for message in (*page.messages, *rest.messages)]
    assert "" == rest.next_cursor
    assert summary["total"]["sent"] >= 2
    with pytest.raises(RefusedError):
        await face(client.reports.stats(today, days[0]))


async def test_templates_are_listed_shown_made_and_sent(face, stage, numbers):
    client, to = face.client(stage.base_url, stage.api_key, source=stage.source_id), numbers[0]
    await face(client.consent.opt_in(to))
    name = f"client_{to}"
    components = [{"type": "BODY", "text": "Hello {{1}}", "example": {"body_text": [["Noor"]]}}]

    made = await face(client.templates.create(name, language="en", category="UTILITY", components=components))
    [status] = await face(client.templates.status(name))
    [preview] = await face(client.templates.preview(name))
    page = await face(client.templates.list(limit=1, status="approved"))

    assert (name, "en", made.id) == (status.name, status.language, status.id)
    assert "BODY" in [component["type"] for component in preview.components]
    assert (1, 1, 0) == (len(page.templates), page.limit, page.offset)
    assert page.total >= 1
    sent = await face(
        client.send(
            Template(to=to, name="repair_done", language="en", attributes=["Noor", "B-52"]),
            MediaTemplate(
                to=to,
                name="bicycle_photo",
                language="en",
                attributes=["Noor"],
                header="image",
                media_id=await face(client.media.upload(png(), filename=PICTURE)),
            ),
            MediaTemplate(to=to, name="track_repair", language="en", buttons={0: "118"}),
            # Nobody of this number has written, so the window is closed, and the template goes instead.
            Text(
                to=to,
                body="It is ready.",
                fallback_template=Template(to=to, name="repair_done", language="en", attributes=["Noor", "B-53"]),
            ),
        )
    )
    for message_id in sent:
        await face(client.wait_for(message_id, "delivered"))
    assert ["repair_done", "bicycle_photo", "track_repair", "repair_done"] == [
        message["template"]["name"] for message in stage.received(to)
    ]
    with pytest.raises(RefusedError) as raised:
        await face(client.templates.status("nobody_has_this"))
    assert "8009" == raised.value.code


async def test_a_double_send_after_a_lost_answer_is_prevented_by_the_key(face, stage, server, numbers):
    to, forward = numbers[0], forwarding(stage.base_url)
    stage.writes(to)
    server.will(Reply(is_lost=True, done=forward), Reply(is_lost=True, done=forward), Reply(done=forward))

    sent = await face(face.client(server.url, stage.api_key).send(Text(to=to, body="once")))
    direct = face.client(stage.base_url, stage.api_key)
    again = await face(direct.send(Text(to=to, body="once"), idempotency_key=server.seen[0].headers["idempotency-key"]))
    await face(direct.wait_for(sent.id, "read"))

    assert 3 == len(server.seen)
    assert sent.id == again.id
    assert ["once"] == [message["text"]["body"] for message in stage.received(to)]


def test_one_client_serves_many_threads(stage, numbers):
    for number in numbers:
        stage.writes(number)

    with Client(stage.base_url, stage.api_key) as client, ThreadPoolExecutor(8) as pool:
        sent = list(pool.map(lambda place: client.send(Text(to=numbers[place % 4], body=f"{place}")).id, range(32)))

    assert 32 == len(set(sent))


async def test_a_wrong_key_and_an_unknown_message_are_told(face, stage):
    with pytest.raises(AuthenticationError):
        await face(face.client(stage.base_url, "wp_wrong").sources.list())
    with pytest.raises(NotFoundError):
        await face(face.client(stage.base_url, stage.api_key).look_up("00000000-0000-7000-8000-000000000000"))
