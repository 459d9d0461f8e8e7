"""Read receipts and typing, end to end: shown on the phone, told apart from what is not ours, and upstream's refusals."""

from typing import Any

PHONE = "12025550143"
PATH = "/api/v2/message/read"


async def test_an_inbound_message_is_marked_read_with_the_sign_of_typing(house):
    await house.writes_first(PHONE)

    async def on_the_phone() -> dict[str, Any]:
        [message] = (await house.sandbox("GET", f"/sandbox/phones/{PHONE}/messages?direction=sent"))["messages"]
        return message

    inbound = await on_the_phone()
    assert inbound["ticks"]["read"] is None

    body = {"message_id": inbound["wamid"]}
    success = {"status": "success", "message": "Message marked as read."}
    assert (200, success) == await house.call("POST", PATH, json=body)
    shown = await on_the_phone()
    assert shown["ticks"]["read"] is not None
    assert shown["typing"] is None
    assert (200, success) == await house.call("POST", PATH + "/", json={**body, "typing": True})
    assert (await on_the_phone())["typing"] is not None

    for faulty, answer in (
        ({}, ("8001", "Required parameter is missing")),
        ({"message_id": " "}, ("8006", "message_id cannot be null or blank")),
        ({**body, "typing": "yes"}, ("8006", "typing is invalid")),
    ):
        status, refusal = await house.call("POST", PATH, json=faulty)
        assert (200, answer) == (status, (refusal["error"]["code"], refusal["error"]["message"]))
    status, answer = await house.call("POST", PATH, json={"message_id": "wamid.of-nobody"})
    assert (404, {"error": "Not Found", "message": "Resource not found", "status": 404}) == (status, answer)
    async with house.http.get(house.base_url + PATH, headers={"Authorization": f"Bearer {house.api_key}"}) as response:
        assert (405, "POST") == (response.status, response.headers["Allow"])

    for fault, code in (
        ({"kind": "graph_error", "code": 190, "status": 401, "target": "receipts"}, "8004"),
        ({"kind": "graph_error", "code": 131009, "status": 400, "target": "receipts"}, "8015"),
        ({"kind": "http_5xx", "status": 502, "body": "html", "target": "receipts"}, "8005"),
    ):
        await house.fault(**fault, count=1)
        status, answer = await house.call("POST", PATH, json=body)
        assert (200, code) == (status, answer["error"]["code"])
