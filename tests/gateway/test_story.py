"""The main job, end to end: a message accepted, delivered, followed, reported."""

PHONE = "12025550143"
OTHER = "12025550144"


async def test_a_text_is_delivered_followed_and_told_in_order(house):
    await house.writes_first(PHONE)

    [message_id] = await house.send(house.entry(PHONE, **{"x-apiheader": "ticket-118"}))

    await house.is_told(message_id, "sent", "delivered", "read")
    assert "read" == await house.status_of(message_id)
    entries = await house.webhooks(message_id)
    assert {("ticket-118", house.source_id, PHONE)} == {
        (entry["x-apiheader"], entry["source"], entry["recipient"]) for entry in entries
    }


async def test_before_the_phone_writes_consent_and_window_are_missing(house):
    status, answer = await house.call("POST", "/api/v2/message/", json={"message": [house.entry(PHONE)]})
    assert (200, "8002") == (status, answer["error"]["code"])

    consent = {"type": "optin", "recipients": [{"recipient": PHONE, "source": "WEB"}]}
    await house.call("POST", "/api/v2/consent/manage/", json=consent)
    _, answer = await house.call("POST", "/api/v2/message/", json={"message": [house.entry(PHONE)]})
    assert "8007" == answer["error"]["code"]


async def test_an_array_becomes_as_many_messages_with_their_own_ids(house):
    await house.writes_first(PHONE, OTHER)

    ids = await house.send(house.entry(PHONE, "one"), house.entry(OTHER, "two"))

    assert 2 == len(set(ids))
    await house.becomes("read", *ids)


async def test_messages_to_one_recipient_start_in_their_order(house):
    await house.writes_first(PHONE)

    ids = await house.send(*(house.entry(PHONE, f"{place}") for place in range(8)))
    await house.becomes("read", *ids)

    found = await house.sandbox("GET", f"/sandbox/phones/{PHONE}/messages?direction=received")
    bodies = [message["message"]["text"]["body"] for message in found["messages"]]
    assert [str(place) for place in range(8)] == bodies


async def test_an_inbound_reply_names_the_message_it_answers(house):
    await house.writes_first(PHONE)
    [message_id] = await house.send(house.entry(PHONE, **{"x-apiheader": "ticket-7"}))
    await house.becomes("read", message_id)
    wamid = (await house.ledger())[-1]["wamid"]

    reply = {"to": house.source_phone, "type": "text", "text": {"body": "thanks"}, "context": wamid}
    await house.sandbox("POST", f"/sandbox/phones/{PHONE}/messages", json=reply)

    async def reply_is_told() -> bool:
        found = await house.sandbox("GET", "/inspector/events?kind=incoming&limit=100")
        return any(
            entry["context"] == {"ncmessage_id": message_id, "message_id": wamid, "x-apiheader": "ticket-7"}
            for event in found["events"]
            for entry in event["body"]["incoming_message"]
        )

    await house.eventually(reply_is_told)


async def test_a_stop_word_opts_out_and_the_next_send_is_refused(house):
    await house.writes_first(PHONE)
    stop = {"to": house.source_phone, "type": "text", "text": {"body": " Stop "}}
    await house.sandbox("POST", f"/sandbox/phones/{PHONE}/messages", json=stop)

    async def is_refused() -> bool:
        _, answer = await house.call("POST", "/api/v2/message/", json={"message": [house.entry(PHONE)]})
        return answer["status"] == "failure" and answer["error"]["code"] == "8002"

    await house.eventually(is_refused)


async def test_no_key_a_wrong_key_and_a_key_without_prefix_are_403(house):
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": house.api_key}):
        async with house.http.post(house.base_url + "/api/v2/message/", headers=headers, json={}) as response:
            assert 403 == response.status
            assert {"error": "Forbidden", "message": "Access Denied", "status": 403} == await response.json()


async def test_every_spelling_of_the_send_path_is_served_without_redirect(house):
    for path in ("/api/v2/message", "/api/v2//message/", "/api/v2/message/nc", "/api/v2/message/nc/message/"):
        status, answer = await house.call("POST", path, json={}, allow_redirects=False)
        assert (200, "8001") == (status, answer["error"]["code"])
    status, _ = await house.call("GET", "/api/v2/message/nc")
    assert 405 == status
    status, answer = await house.call("GET", "/api/v2/message/00000000-0000-7000-8000-000000000000")
    assert (404, "Resource not found") == (status, answer["message"])


async def test_a_reaction_and_a_quote_name_our_message_and_arrive_with_the_providers_id(house):
    await house.writes_first(PHONE)
    [first] = await house.send(house.entry(PHONE))
    await house.becomes("read", first)
    wamid = (await house.ledger())[-1]["wamid"]

    reaction = [{"message_id": first, "emoji": "👍"}]
    [reacted] = await house.send(house.entry(PHONE, message_type="reaction", type_reaction=reaction))
    [quoting] = await house.send(house.entry(PHONE, "as I said", context={"message_id": first}))
    await house.becomes("read", quoting)
    await house.is_told(reacted, "sent")

    found = await house.sandbox("GET", f"/sandbox/phones/{PHONE}/messages?direction=received")
    messages = [message["message"] for message in found["messages"]]
    assert [{"message_id": wamid, "emoji": "👍"}] == [m["reaction"] for m in messages if m["type"] == "reaction"]
    assert [{"message_id": wamid}] == [m["context"] for m in messages if "context" in m]


async def test_a_webhook_switched_off_by_name_is_told_later_what_happened_meanwhile(house):
    await house.writes_first(PHONE)
    path = "/api/v2/metainfo/webhook/manage_webhook"
    switch = {"type": "event", "webhook_name": "inspector", "status": "disable"}
    status, answer = await house.call("POST", path, json=switch)
    assert (200, {"status": "success", "data": {"name": "inspector", "status": "disable"}}) == (status, answer)

    [message_id] = await house.send(house.entry(PHONE))
    await house.becomes("read", message_id)
    assert [] == await house.told(message_id)

    await house.call("POST", path, json=switch | {"status": "enable"})
    await house.is_told(message_id, "sent", "delivered", "read")
    _, answer = await house.call("POST", path, json=switch | {"webhook_name": "no-such"})
    assert "webhook_name is invalid" == answer["error"]["message"]


async def test_the_wait_for_the_first_request_is_measured_once_for_each_message(house):
    await house.writes_first(PHONE)
    await house.fault("http_5xx", count=1, status=503, body="json", code=131016)

    ids = [(await house.send(house.entry(PHONE)))[0] for _ in range(3)]
    await house.becomes("read", *ids)

    _, body = await house.call("GET", "/metrics")
    found = dict(
        line.rsplit(" ", 1) for line in body.decode().splitlines() if "wait_seconds" in line and line[0] != "#"
    )
    assert 3.0 == float(found["waypost_dispatch_wait_seconds_count"])
    assert 0 < float(found["waypost_dispatch_wait_seconds_sum"]) < 60
