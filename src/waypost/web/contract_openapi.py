"""
The v2 contract as OpenAPI paths, written by hand: its requests are checked by hand too, for their exact error texts.

Each path stands in one spelling; the contract takes it with and without a slash at its end. A test holds the paths,
methods and operations to what the gateway serves.
"""

from typing import Any, Final

from waypost.web.contract_schemas import (
    MEDIA_ID,
    MESSAGE_ID,
    RECIPIENTS,
    SOURCE,
    SOURCE_EXAMPLE,
    SOURCE_ID,
    SOURCE_IN,
    JsonObject,
    object_of,
    text,
)


def _json(schema: JsonObject, example: Any) -> JsonObject:
    return {"content": {"application/json": {"schema": schema, "example": example}}}


def _answer(description: str, example: Any) -> JsonObject:
    return {"description": description, **_json({"$ref": "#/components/schemas/Envelope"}, example)}


def _denial(description: str, example: JsonObject) -> JsonObject:
    return {"description": description, **_json({"$ref": "#/components/schemas/Denial"}, example)}


_DENIED: Final = {
    "403": _denial(
        "No valid key, or one without the scope.", {"error": "Forbidden", "message": "Access Denied", "status": 403}
    ),
    "429": _denial(
        "Too many requests; see `Retry-After`.",
        {"error": "Too Many Requests", "message": "Rate limit exceeded", "status": 429},
    ),
    "503": _denial(
        "Nothing was stored; try again, see `Retry-After`.",
        {"error": "Service Unavailable", "message": "Service overloaded", "status": 503},
    ),
}
_MISSING: Final = {
    "404": _denial(
        "Unknown id, or another account's.", {"error": "Not Found", "message": "Resource not found", "status": 404}
    )
}


def _success(message: str, data: Any = None) -> JsonObject:
    return {"status": "success", "message": message, **({} if data is None else {"data": data})}


def _operation(
    name: str,
    tag: str,
    summary: str,
    *,
    description: str = "",
    answer: JsonObject,
    body: JsonObject | None = None,
    path_id: str = "",
) -> JsonObject:
    operation: JsonObject = {
        "operationId": name,
        "tags": [tag],
        "summary": summary,
        "responses": {"200": answer, **(_MISSING if path_id else {}), **_DENIED},
    }
    if description:
        operation["description"] = description
    if body is not None:
        operation["requestBody"] = {"required": True, **body}
    if path_id:
        operation["parameters"] = [
            {"name": "id", "in": "path", "required": True, "description": path_id, "schema": {"type": "string"}}
        ]
    return operation


def _consent_change(name: str, words: str, recorded: str) -> JsonObject:
    kinds = words.split("/")
    return _operation(
        name,
        "Contract: consent",
        f"Record {kinds[0]} or {kinds[1]}",
        body=_json(
            object_of(
                {"type": text("What to record.", enum=kinds), "recipients": RECIPIENTS},
                required=("type", "recipients"),
            ),
            {"type": kinds[0], "recipients": [{"recipient": "12025550143", "source": "WEB", "ip": "198.51.100.20"}]},
        ),
        answer=_answer("Recorded; for several recipients `data` counts them.", _success(recorded)),
    )


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
    operation = _operation(
        name,
        "Contract: messages",
        "Send messages, before normal ones" if high else "Send messages",
        description=(
            "Success means durably stored, not delivered. Refusals are HTTP 200 with `status: failure`, unless "
            "`contract.failure_http_status` is `4xx`."
        ),
        body=_json({"$ref": "#/components/schemas/SendRequest"}, example),
        answer=_answer("Accepted, or refused.", _success("Request received successfully.", {"id": MESSAGE_ID})),
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
_OPTED_IN: Final = {
    "status": "success",
    "data": {
        "ip": "198.51.100.20",
        "phone_number": "12025550143",
        "optin_source": "WEB",
        "user_agent": "Mozilla",
        "created_date": "2031-02-11 08:20:45.0",
    },
}
_SOURCE_OUT: Final = {"id": SOURCE_ID, **SOURCE_EXAMPLE, "default": True}
_SOURCE_ID_HELP: Final = "Source id."
_MEDIA_ID_HELP: Final = "A `mediaId` of the upload, or the `id` of an incoming file."

PATHS: Final[JsonObject] = {
    "/api/v2/message/": {"post": _send("messages.send", high=False)},
    "/api/v2/message/nc": {"post": _send("messages.send.nc", high=False)},
    "/api/v2/message/nc/message/": {"post": _send("messages.send.nc_message", high=False)},
    "/api/v2/message/nc/priority": {"post": _send("messages.send.priority", high=True)},
    "/api/v2/message/{id}": {
        "get": _operation(
            "messages.look_up",
            "Contract: messages",
            "Look a message up",
            answer=_answer("The message and its timeline.", _LOOKED_UP),
            path_id="Id of the send answer.",
        )
    },
    "/api/v2/consent/": {
        "post": _operation(
            "consent.check",
            "Contract: consent",
            "Check an opt-in",
            body=_json(
                object_of({"phone_number": text("The recipient.")}, required=("phone_number",)),
                {"phone_number": "12025550143"},
            ),
            answer=_answer("The opt-in; without one, a failure without a code.", _OPTED_IN),
        )
    },
    "/api/v2/consent/manage/": {"post": _consent_change("consent.manage", "optin/optout", "Optin successfully added.")},
    "/api/v2/consent/blocklist": {
        "post": _consent_change("consent.blocklist", "blocklist/whitelist", "Blocklist successfully added.")
    },
    "/api/v2/metainfo/webhook/manage_webhook": {
        "post": _operation(
            "webhooks.manage_webhook",
            "Contract: webhooks",
            "Switch a webhook on or off by its name",
            body=_json(
                object_of(
                    {
                        "type": {"type": "string", "enum": ["incoming", "event"]},
                        "webhook_name": text("The name given when it was made."),
                        "status": {"type": "string", "enum": ["enable", "disable"]},
                    },
                    required=("type", "webhook_name", "status"),
                ),
                {"type": "event", "webhook_name": "orders", "status": "enable"},
            ),
            answer=_answer(
                "What the webhook is now.", {"status": "success", "data": {"name": "orders", "status": "enable"}}
            ),
        )
    },
    "/api/v2/media/upload/": {
        "post": _operation(
            "media.upload",
            "Contract: media",
            "Upload a file",
            body={
                "content": {
                    "multipart/form-data": {
                        "schema": object_of({"file": {"type": "string", "format": "binary"}}, required=("file",))
                    }
                }
            },
            answer=_answer("Stored.", _success("Media uploaded successfully.", {"mediaId": MEDIA_ID})),
        )
    },
    "/api/v2/media/{id}": {
        "get": _operation(
            "media.get",
            "Contract: media",
            "Read a file",
            description="`Range` is honoured (206); the answer has an `ETag`.",
            answer={
                "description": "The bytes.",
                "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
            },
            path_id=_MEDIA_ID_HELP,
        ),
        "delete": _operation(
            "media.delete",
            "Contract: media",
            "Delete a file",
            answer=_answer("Deleted.", _success("Media deleted successfully.")),
            path_id=_MEDIA_ID_HELP,
        ),
    },
    "/api/v2/source/": {
        "get": _operation(
            "sources.list.v2",
            "Contract: sources",
            "List sending numbers",
            answer=_answer("All of them.", {"status": "success", "data": [_SOURCE_OUT]}),
        ),
        "post": _operation(
            "sources.create.v2",
            "Contract: sources",
            "Connect a sending number",
            body=_json(
                object_of(SOURCE_IN, required=(*SOURCE, "access_token")), {**SOURCE_EXAMPLE, "access_token": "EAAB..."}
            ),
            answer=_answer("Connected.", _success("Source created successfully.", {"id": SOURCE_ID})),
        ),
    },
    "/api/v2/source/{id}": {
        "get": _operation(
            "sources.get.v2",
            "Contract: sources",
            "Show a sending number",
            answer=_answer("The number, without its secrets.", {"status": "success", "data": _SOURCE_OUT}),
            path_id=_SOURCE_ID_HELP,
        ),
        "put": _operation(
            "sources.change.v2",
            "Contract: sources",
            "Change a sending number",
            description="Any members of the creation.",
            body=_json(object_of(SOURCE_IN), {"name": "Workshop"}),
            answer=_answer("Changed.", _success("Source updated successfully.", {"id": SOURCE_ID})),
            path_id=_SOURCE_ID_HELP,
        ),
        "delete": _operation(
            "sources.delete.v2",
            "Contract: sources",
            "Take a sending number out of use",
            answer=_answer("Deleted.", _success("Source deleted successfully.")),
            path_id=_SOURCE_ID_HELP,
        ),
    },
}
"""Operation ids are the names in ``waypost.web.auth.SCOPES``, with a suffix where a name stands twice."""


def scoped_name(operation_id: str) -> str:
    """Return the name under which ``SCOPES`` knows an operation of this document."""
    return ".".join(operation_id.split(".")[:2])
