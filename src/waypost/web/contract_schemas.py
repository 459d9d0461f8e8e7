"""The shapes of the v2 contract's requests and answers, as OpenAPI schemas."""

from typing import Any, Final

JsonObject = dict[str, Any]

MESSAGE_ID: Final = "3f0c9a52-7d1e-4b86-9c44-0a5be1d27f63"
SOURCE_ID: Final = "5c1d7e90-2b64-4f3a-a8d1-93e07c6b2f45"
MEDIA_ID: Final = "e4a61b0f-8c27-4d59-b3f2-70d9158ac6e1"


def text(description: str, **rules: Any) -> JsonObject:
    """Return the schema of a text."""
    return {"type": "string", "description": description, **rules}


def object_of(properties: JsonObject, *, required: tuple[str, ...] = (), description: str = "") -> JsonObject:
    """Return the schema of an object."""
    schema: JsonObject = {"type": "object", "properties": properties}
    if required:
        schema["required"] = list(required)
    if description:
        schema["description"] = description
    return schema


def closed(properties: JsonObject, *, required: tuple[str, ...] = (), description: str = "") -> JsonObject:
    """Return the schema of an object without other members, as all answers of the contract are."""
    return {**object_of(properties, required=required, description=description), "additionalProperties": False}


def success_or_failure(*, data: JsonObject | None = None, has_message: bool) -> JsonObject:
    """Return the schema of an operation's answer: success with just these members, or the failure envelope."""
    members: JsonObject = {"status": {"const": "success"}}
    members |= {"message": text("What was done.")} if has_message else {}
    members |= {} if data is None else {"data": data}
    success = closed(members, required=tuple(members))
    return {"anyOf": [success, {"$ref": "#/components/schemas/Failure"}]}


def one_of(schema: JsonObject) -> JsonObject:
    """Return the schema of an array of one, which the contract is fond of."""
    return {"type": "array", "minItems": 1, "maxItems": 1, "items": schema}


_ATTACHMENT: Final = object_of(
    {
        "attachment_id": text("A `mediaId` of the upload; wins over a URL."),
        "attachment_url": text("Public URL of the file, fetched by Waypost.", format="uri"),
        "attachment_type": text("Needed with a URL.", enum=["image", "video", "audio", "document", "sticker"]),
        "caption": text("For image, video and document.", maxLength=1024),
    }
)
_TEMPLATE: Final[JsonObject] = {
    "name": text("An approved template."),
    "attributes": {"type": "array", "items": {"type": "string"}},
    "language": object_of({"locale": text("Such as `en`."), "policy": text("`deterministic`.")}),
    "components": {"type": "array", "items": {"type": "object"}},
}
_MEDIA_TEMPLATE: Final[JsonObject] = {
    "type": "object",
    "description": "Header file and button values of a template.",
}
_ENTRY: Final = object_of(
    {
        "message_type": text(
            "What it is.",
            enum=["text", "media", "location", "template", "media_template", "interactive", "contacts", "reaction"],
        ),
        "source": text("Id of the sending number; optional for text and for media by URL."),
        "recipient_type": text("Absent means `individual`.", enum=["individual", "group"]),
        "recipient_whatsapp": text("Country code and number, 10 to 15 digits; one leading `+` is dropped."),
        "x-apiheader": text("Your own data, echoed in webhooks; repeats are normal."),
        "ttl": {"type": "number", "exclusiveMinimum": 0, "description": "Days the message may wait."},
        "scheduled_at": text("RFC 3339 with offset, at most 30 days ahead.", format="date-time"),
        "cta_link_track": text('`"1"` or `"true"` asks for link tracking.'),
        "context": object_of({"message_id": text("Our id or the wamid of the message to quote.")}),
        "type_text": one_of(
            object_of(
                {"content": text("The text.", maxLength=4096), "preview_url": {"type": "boolean"}},
                required=("content",),
            )
        ),
        "type_media": one_of(object_of({"attachments": one_of(_ATTACHMENT)}, required=("attachments",))),
        "type_location": one_of(
            object_of(
                {
                    "longitude": {"type": "number", "minimum": -180, "maximum": 180},
                    "latitude": {"type": "number", "minimum": -90, "maximum": 90},
                    "name": text("Name of the place."),
                    "address": text("Its address."),
                },
                required=("longitude", "latitude"),
            )
        ),
        "type_template": one_of(object_of(_TEMPLATE, required=("name", "language"))),
        "type_media_template": _MEDIA_TEMPLATE,
        "fallback_template": object_of(
            {**_TEMPLATE, "type_media_template": _MEDIA_TEMPLATE},
            required=("name", "language"),
            description="What a free-form message is sent as should the conversation window be closed.",
        ),
        "type_interactive": one_of({"type": "object", "description": "Buttons, a list, or a link."}),
        "type_contacts": one_of({"type": "object", "description": 'A contact card, or `{"contacts": […]}`.'}),
        "type_reaction": one_of(object_of({"message_id": text("The message."), "emoji": text("Empty takes it back.")})),
    },
    required=("message_type", "recipient_whatsapp"),
)
_EVIDENCE: Final = object_of(
    {
        "recipient": text("10 to 15 digits."),
        "source": text("Where consent was gained, such as `WEB`.", maxLength=25),
        "user_agent": text("The browser.", maxLength=500),
        "ip": text("The address."),
    },
    required=("recipient", "source"),
)
RECIPIENTS: Final = {"type": "array", "minItems": 1, "maxItems": 1000, "items": _EVIDENCE}
SOURCE: Final = {
    "name": text("Name, for people."),
    "phone_number": text("The number, with country code."),
    "phone_number_id": text("The number's id at the provider."),
    "waba_id": text("The business account's id at the provider."),
}
SOURCE_IN: Final = {
    **SOURCE,
    "access_token": text("The provider's token; never shown again.", writeOnly=True),
    "app_secret": text("Signs the provider's webhooks; never shown again.", writeOnly=True),
    "default": {"type": "boolean", "description": "Messages that name no source go out here."},
}
SOURCE_EXAMPLE: Final = {
    "name": "Bicycle shop",
    "phone_number": "12025550199",
    "phone_number_id": "106540352242922",
    "waba_id": "102290129340398",
}

SCHEMAS: Final[JsonObject] = {
    "Entry": _ENTRY,
    "SendRequest": object_of(
        {
            "message": {
                "type": "array",
                "minItems": 1,
                "maxItems": 1000,
                "items": {"$ref": "#/components/schemas/Entry"},
            }
        },
        required=("message",),
        description="All entries are accepted, or none.",
    ),
    "Failure": closed(
        {
            "status": {"const": "failure"},
            "error": closed(
                {
                    "code": text("Of the contract's table, such as `8006`; absent only in the consent check's answer."),
                    "message": text("Exact text."),
                    "index": {"type": "integer", "description": "0-based place of the failing entry, of several."},
                },
                required=("message",),
            ),
        },
        required=("status", "error"),
        description="Refused: HTTP 200, unless `contract.failure_http_status` is `4xx`.",
    ),
    "Denial": closed(
        {"error": text("In short."), "message": text("In words."), "status": {"type": "integer"}},
        required=("error", "message", "status"),
    ),
}
