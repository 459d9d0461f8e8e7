"""The contract's calls for messages as OpenAPI paths: to send them, to look one up, to mark one as read."""

from typing import Final

from waypost.web.contract_operations import answer_of, json_content, operation_of, success_of
from waypost.web.contract_schemas import MEDIA_ID, MESSAGE_ID, SOURCE_ID, JsonObject, closed, object_of, text


def _send(name: str, *, high: bool) -> JsonObject:
    example = {
        "message": [
            {
                "recipient_whatsapp": "12025550143",
                "message_type": "media",
                "source": SOURCE_ID,
                "type_media": [{"attachments": [{"attachment_id": MEDIA_ID, "caption": "Receipt 118"}]}],
            }
        ]
    }
    operation = operation_of(
        name,
        "Contract: messages",
        "Send messages, before normal ones" if high else "Send messages",
        description=(
            "Success means durably stored, not delivered. Refusals are HTTP 200 with `status: failure`, unless "
            "`contract.failure_http_status` is `4xx`."
        ),
        body=json_content({"$ref": "#/components/schemas/SendRequest"}, example),
        answer=answer_of(
            "Accepted, or refused.",
            success_of("Request received successfully.", {"id": MESSAGE_ID}),
            data=closed(
                {
                    "id": text("The message's id; of several, the first's.", format="uuid"),
                    "ids": {
                        "type": "array",
                        "minItems": 2,
                        "maxItems": 1000,
                        "items": {"type": "string", "format": "uuid"},
                        "description": "All ids in the order of the entries; only for several.",
                    },
                },
                required=("id",),
            ),
        ),
    )
    operation["parameters"] = [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "description": "The same key and body answer the same, and send once, for 72 hours.",
            "schema": {"type": "string", "maxLength": 255},
        }
    ]
    return operation


_LOOKED_UP: Final = {
    "status": "success",
    "data": {
        "id": MESSAGE_ID,
        "source": SOURCE_ID,
        "recipient": "12025550143",
        "message_type": "text",
        "x-apiheader": "ticket-118",
        "status": "delivered",
        "status_remark": "",
        "timeline": [
            {"status": "sent", "received_at": "2031-03-04 09:15:20"},
            {"status": "delivered", "received_at": "2031-03-04 09:15:22"},
        ],
    },
}
_LOOKED_UP_DATA: Final = closed(
    {
        "id": text("The message's id."),
        "source": text("As the caller passed it."),
        "recipient": text("Digits, or a group's id."),
        "message_type": text("As it was sent."),
        "x-apiheader": text("As the caller passed it."),
        "status": text("Where it stands.", enum=["scheduled", "accepted", "sent", "delivered", "read", "failed"]),
        "status_remark": text("Code and text of a failure."),
        "timeline": {
            "type": "array",
            "items": closed(
                {"status": text("What happened."), "received_at": text("When, UTC.")},
                required=("status", "received_at"),
            ),
        },
    },
    required=tuple(_LOOKED_UP["data"]),
)

MESSAGE_PATHS: Final[JsonObject] = {
    "/api/v2/message/": {"post": _send("messages.send", high=False)},
    "/api/v2/message/nc": {"post": _send("messages.send.nc", high=False)},
    "/api/v2/message/nc/message/": {"post": _send("messages.send.nc_message", high=False)},
    "/api/v2/message/nc/priority": {"post": _send("messages.send.priority", high=True)},
    "/api/v2/message/read": {
        "post": operation_of(
            "messages.mark_read",
            "Contract: messages",
            "Mark an incoming message as read",
            description=(
                "An addition. Asked of upstream at once; `typing` shows the person that an answer is being typed, for "
                "25 seconds or until it comes. A message that no number of the account received is 404."
            ),
            body=json_content(
                object_of(
                    {
                        "message_id": text("`message_id` of the incoming message.", maxLength=512),
                        "typing": {"type": "boolean", "description": "Show that an answer is being typed."},
                    },
                    required=("message_id",),
                ),
                {"message_id": "wamid.SAMPLE01", "typing": True},
            ),
            answer=answer_of("Marked, or why not.", success_of("Message marked as read.")),
            names_one=True,
        )
    },
    "/api/v2/message/{id}": {
        "get": operation_of(
            "messages.look_up",
            "Contract: messages",
            "Look a message up",
            answer=answer_of("The message and its timeline.", _LOOKED_UP, data=_LOOKED_UP_DATA),
            path_id="Id of the send answer.",
        )
    },
}
