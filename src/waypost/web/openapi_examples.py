"""
An example for every JSON body of the OpenAPI document that has none of its own.

Members get values by their name where a plain word would mislead, else by their schema. A test holds every example to
its schema; the pages, the collection and the reference show them.
"""

import re
from collections.abc import Iterable
from types import MappingProxyType
from typing import Any, Final

from waypost.web.contract_schemas import MESSAGE_ID, SOURCE_EXAMPLE, SOURCE_ID, JsonObject

_TIME: Final = "2031-03-04T09:15:00Z"
_OBJECT_ID: Final = "0195a1c4-7d1e-7b86-9c44-0a5be1d27f63"
_BY_NAME: Final = MappingProxyType(
    {
        **SOURCE_EXAMPLE,
        "access_token": "EAAB...",
        "action": "source.created",
        "actor": "cli:operator",
        "account_id": _OBJECT_ID,
        "app_secret": "0f6e...",
        "body": "Hello Noor, B-52 is ready.",
        "caption": "Receipt 118",
        "category": "UTILITY",
        "components": [{"type": "BODY", "text": "Your bicycle is ready for collection."}],
        "content": {"body": "Your bicycle is ready for collection."},
        "description": "Where we meet",
        "done": ["12025550143"],
        "fields": {"name": "Noor", "order": "B-52"},
        "filename": "receipt-118.pdf",
        "footer": "Bicycle shop",
        "from": "2031-03-01T00:00:00Z",
        "header": "Collection",
        "header_kind": "text",
        "header_names": ["X-Shop"],
        "id": _OBJECT_ID,
        "invite_link": "https://chat.whatsapp.com/SAMPLE",
        "ip": "198.51.100.20",
        "join_approval_mode": "auto_approve",
        "http_status": 200,
        "key": "wp_...",
        "kind": "text",
        "label": "Confirm",
        "language": "en",
        "message_id": MESSAGE_ID,
        "mime_type": "application/pdf",
        "next_cursor": None,
        "node": "gateway-1",
        "notification_id": _OBJECT_ID,
        "origin": "upload",
        "outcome": "accepted",
        "participant": "12025550143",
        "participants": ["12025550143"],
        "priority": "normal",
        "provider": "meta",
        "provider_id": "wamid.SAMPLE01",
        "quality": "GREEN",
        "reason": "",
        "recipient": "12025550143",
        "recipients": ["12025550143"],
        "rejected_reason": "",
        "remark": "",
        "scheduled_at": "2031-03-05T09:00:00Z",
        "secret": "whsec_...",
        "sender": "12025550143",
        "since": "2031-03-01T00:00:00Z",
        "source": "WEB",
        "source_id": SOURCE_ID,
        "state": "delivered",
        "status": "delivered",
        "subject_id": MESSAGE_ID,
        "subject": "Saturday ride",
        "target": f"source:{SOURCE_ID}",
        "templatename": "repair_done",
        "to": "2031-03-04T00:00:00Z",
        "until": "2031-03-04T00:00:00Z",
        "url": "https://hooks.example.org/waypost",
        "user_agent": "Mozilla/5.0",
        "ConsentEntryView.action": "optin",
        "ConsentView.state": "opted_in",
        "EndpointView.kinds": ["incoming", "event"],
        "KeyView.scopes": ["messages:send", "messages:read"],
        "MediaView.kind": "document",
        "MediaView.state": "stored",
        "MessageDetailView.source": SOURCE_ID,
        "MessageView.source": SOURCE_ID,
        "TemplateCreation.name": "repair_ready",
        "TemplateView.name": "repair_done",
        "NewEndpointView.kinds": ["incoming", "event"],
        "NewKeyView.scopes": ["messages:send", "messages:read"],
        "NotificationView.kind": "event",
        "stop_words": ["STOP"],
        "verify_token": "a-word-of-your-own",
        "wamid": "wamid.SAMPLE01",
        "webhook_id": _OBJECT_ID,
        "webhook_path": f"/webhooks/cloud_api/{SOURCE_ID}",
        "x-apiheader": "ticket-118",
    }
)


def add_examples(document: JsonObject) -> None:
    """Give every JSON body of the document an example; one that is there stays. A second call changes nothing."""
    for methods in document["paths"].values():
        for operation in methods.values():
            _add_to_parameters(document, operation.get("parameters", ()))
            _add_to(document, operation.get("requestBody", {}), is_request=True)
            for response in operation["responses"].values():
                _add_to(document, response, is_request=False)
    for response in document["components"].get("responses", {}).values():
        _add_to(document, response, is_request=False)


def _add_to(document: JsonObject, holder: JsonObject, *, is_request: bool) -> None:
    for media_type, content in holder.get("content", {}).items():
        schema = content.get("schema", {})
        if media_type.endswith("json") and schema and schema.get("format") != "binary" and "example" not in content:
            content["example"] = example_of(document, schema, is_request=is_request)


def _add_to_parameters(document: JsonObject, parameters: Iterable[JsonObject]) -> None:
    """Give required parameters an example; those of paths are ids of the reader's own."""
    for parameter in parameters:
        if parameter.get("required") and parameter["in"] != "path" and "example" not in parameter:
            schema = parameter["schema"]
            parameter["example"] = example_of(document, schema, is_request=True, name=parameter["name"])


def example_of(
    document: JsonObject,
    schema: JsonObject,
    *,
    is_request: bool,
    name: str = "",
    inside: frozenset[str] = frozenset(),
) -> Any:
    """
    Return a value of this schema.

    Args:
        document: what references lead into.
        schema: what the value has to satisfy.
        is_request: show what is required, or one member where nothing is; of answers, all is shown.
        name: the member's, for a better value than the schema alone can give.
        inside: references that led here: an array of what it is in itself is shown empty.

    """
    items = schema.get("items", {})
    leads_back = inside & references_of(items)
    inside = inside | references_of(schema)
    is_nullable = any(choice.get("type") == "null" for choice in schema.get("anyOf", ()))
    schema = resolved(document, schema)
    for given in ("example", "const", "default"):
        if schema.get(given) is not None:
            return schema[given]
    if "examples" in schema:
        return schema["examples"][0]
    if "enum" in schema:
        named = _BY_NAME.get(name)
        return named if named in schema["enum"] else schema["enum"][0]
    if name in _BY_NAME and _fits(schema, _BY_NAME[name]):
        return _BY_NAME[name]
    if is_nullable and "properties" not in schema:
        return None
    match schema.get("type"):
        case "object" | None if "properties" in schema:
            return {
                member: example_of(document, inner, is_request=is_request, name=_name_of(schema, member), inside=inside)
                for member, inner in schema["properties"].items()
                if member in _shown(schema, is_request=is_request)
            }
        case "object":
            return {}
        case "array" if leads_back:
            return []
        case "array":
            return [example_of(document, schema.get("items", {}), is_request=is_request, inside=inside)]
        case "integer" | "number":
            return max(schema.get("minimum", 0), 1)
        case "boolean":
            return False
        case "null":
            return None
        case _:
            return _TIME if schema.get("format") == "date-time" else "sample"


def references_of(schema: JsonObject) -> frozenset[str]:
    """Return the names that a schema refers to, itself or by its choices."""
    choices = [schema, *schema.get("anyOf", ())]
    return frozenset(choice["$ref"] for choice in choices if "$ref" in choice)


def resolved(document: JsonObject, schema: JsonObject) -> JsonObject:
    """Return the schema behind references and choices: of a choice, the first that is not null."""
    while True:
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
            continue
        choices = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf") or ()
        real = [choice for choice in choices if choice.get("type") != "null"]
        if not real or "properties" in schema:
            return schema
        around = {name: value for name, value in schema.items() if name in {"default", "example", "examples"}}
        schema = {**real[0], **around}


def _name_of(schema: JsonObject, member: str) -> str:
    """Return under which name a member has its value: its own beside its schema's title goes first."""
    beside = f"{schema.get('title', '')}.{member}"
    return beside if beside in _BY_NAME else member


def _shown(schema: JsonObject, *, is_request: bool) -> set[str]:
    if not is_request:
        return set(schema["properties"])
    if schema.get("required"):
        return set(schema["required"])
    telling = [name for name, inner in schema["properties"].items() if name in _BY_NAME or "default" in inner]
    return set(telling[:1])


def _matches(schema: JsonObject, value: str) -> bool:
    return re.search(schema.get("pattern", ""), value) is not None


def _fits(schema: JsonObject, value: object) -> bool:
    """Say whether a value by name is of the schema's kind; the test of examples looks closer."""
    match schema.get("type"):
        case "string":
            is_time = schema.get("format") == "date-time"
            return isinstance(value, str) and is_time == (value[:4] == "2031") and _matches(schema, value)
        case "array":
            items = schema.get("items", {})
            kind = dict if items.get("type") == "object" else str
            return isinstance(value, list) and "$ref" not in items and all(isinstance(one, kind) for one in value)
        case "object":
            return isinstance(value, dict)
        case "integer":
            return isinstance(value, int)
        case None:
            return value is None or not schema
        case _:
            return False
