"""
The v2 contract as OpenAPI paths, written by hand: its requests are checked by hand too, for their exact error texts.

Each path stands in one spelling; the contract takes it with and without a slash at its end. A test holds the paths,
methods and operations to what the gateway serves.
"""

from typing import Final

from waypost.web.contract_openapi_management import MANAGEMENT_PATHS
from waypost.web.contract_openapi_messages import MESSAGE_PATHS
from waypost.web.contract_openapi_reports import REPORT_PATHS
from waypost.web.contract_operations import answer_of, json_content, operation_of, success_of
from waypost.web.contract_schemas import (
    MEDIA_ID,
    RECIPIENTS,
    SOURCE,
    SOURCE_EXAMPLE,
    SOURCE_ID,
    SOURCE_IN,
    JsonObject,
    closed,
    object_of,
    text,
)


def _consent_change(name: str, words: str, recorded: str) -> JsonObject:
    kinds = words.split("/")
    return operation_of(
        name,
        "Contract: consent",
        f"Record {kinds[0]} or {kinds[1]}",
        body=json_content(
            object_of(
                {"type": text("What to record.", enum=kinds), "recipients": RECIPIENTS},
                required=("type", "recipients"),
            ),
            {"type": kinds[0], "recipients": [{"recipient": "12025550143", "source": "WEB", "ip": "198.51.100.20"}]},
        ),
        answer=_recorded(recorded, always_counts="blocklist" in kinds),
    )


def _recorded(recorded: str, *, always_counts: bool) -> JsonObject:
    counts = closed(
        {
            "processed_count": {"type": "integer", "minimum": 0},
            "failed_recipients": {
                "type": "array",
                "items": closed(
                    {"recipient": text("As given."), "code": text("Of the table."), "message": text("Exact text.")},
                    required=("recipient", "code", "message"),
                ),
            },
        },
        required=("processed_count", "failed_recipients"),
    )
    example = success_of(recorded, {"processed_count": 1, "failed_recipients": []} if always_counts else None)
    recorded_answer = answer_of("Recorded; for several recipients `data` counts them.", example, data=counts)
    if not always_counts:
        carried_out = recorded_answer["content"]["application/json"]["schema"]["anyOf"][0]
        carried_out["required"] = [name for name in carried_out["required"] if name != "data"]
    return recorded_answer


def _media_get() -> JsonObject:
    content = {"*/*": {"schema": {"type": "string", "format": "binary"}}}
    operation = operation_of(
        "media.get",
        "Contract: media",
        "Read a file",
        description="An incoming file that is not here yet is fetched from the provider first.",
        answer={
            "description": "The bytes, with `Content-Length` and `ETag`, in the file's own type.",
            "content": content,
        },
        path_id=_MEDIA_ID_HELP,
    )
    operation["responses"] |= {
        "206": {"description": "The bytes that `Range` asked for.", "content": content},
        "304": {"description": "`If-None-Match` has named the file's `ETag`."},
        "416": {"description": "The file has no bytes there."},
    }
    operation["parameters"] += [
        {
            "name": name,
            "in": "header",
            "required": False,
            "description": meaning,
            "schema": {"type": "string"},
        }
        for name, meaning in (
            ("Range", "Such as `bytes=0-1023`."),
            ("If-None-Match", "An `ETag`: nothing is sent while it is the file's."),
        )
    ]
    return operation


_MEDIA_ID_HELP: Final = "A `mediaId` of the upload, or the `id` of an incoming file."
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
_OPTED_IN_DATA: Final = closed(
    {
        "ip": text("Evidence; empty if unknown."),
        "phone_number": text("The recipient."),
        "optin_source": text("Where consent was gained; `WHATSAPP` for an implied one."),
        "user_agent": text("Evidence; empty if unknown."),
        "created_date": text("When, UTC."),
    },
    required=tuple(_OPTED_IN["data"]),
)
_SOURCE_DATA: Final = closed(
    {"id": text("Source id."), **SOURCE, "default": {"type": "boolean"}}, required=("id", *SOURCE, "default")
)
_ID_DATA: Final = closed({"id": text("Source id.")}, required=("id",))
_SOURCE_OUT: Final = {"id": SOURCE_ID, **SOURCE_EXAMPLE, "default": True}
_SOURCE_ID_HELP: Final = "Source id."

PATHS: Final[JsonObject] = {
    **MANAGEMENT_PATHS,
    **REPORT_PATHS,
    **MESSAGE_PATHS,
    "/api/v2/consent/": {
        "post": operation_of(
            "consent.check",
            "Contract: consent",
            "Check an opt-in",
            body=json_content(
                object_of({"phone_number": text("The recipient.")}, required=("phone_number",)),
                {"phone_number": "12025550143"},
            ),
            answer=answer_of("The opt-in; without one, a failure without a code.", _OPTED_IN, data=_OPTED_IN_DATA),
        )
    },
    "/api/v2/consent/manage/": {"post": _consent_change("consent.manage", "optin/optout", "Optin successfully added.")},
    "/api/v2/consent/blocklist": {
        "post": _consent_change("consent.blocklist", "blocklist/whitelist", "Blocklist successfully added.")
    },
    "/api/v2/metainfo/webhook/manage_webhook": {
        "post": operation_of(
            "webhooks.manage_webhook",
            "Contract: webhooks",
            "Switch a webhook on or off by its name",
            body=json_content(
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
            answer=answer_of(
                "What the webhook is now.",
                {"status": "success", "data": {"name": "orders", "status": "enable"}},
                data=closed(
                    {"name": text("The webhook's."), "status": text("", enum=["enable", "disable"])},
                    required=("name", "status"),
                ),
            ),
        )
    },
    "/api/v2/media/upload/": {
        "post": operation_of(
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
            answer=answer_of(
                "Stored.",
                success_of("Media uploaded successfully.", {"mediaId": MEDIA_ID}),
                data=closed({"mediaId": text("For sending it, and reading it back.")}, required=("mediaId",)),
            ),
        )
    },
    "/api/v2/media/{id}": {
        "get": _media_get(),
        "delete": operation_of(
            "media.delete",
            "Contract: media",
            "Delete a file",
            answer=answer_of("Deleted.", success_of("Media deleted successfully.")),
            path_id=_MEDIA_ID_HELP,
        ),
    },
    "/api/v2/source/": {
        "get": operation_of(
            "sources.list.v2",
            "Contract: sources",
            "List sending numbers",
            answer=answer_of(
                "All of them.",
                {"status": "success", "data": [_SOURCE_OUT]},
                data={"type": "array", "items": _SOURCE_DATA},
            ),
        ),
        "post": operation_of(
            "sources.create.v2",
            "Contract: sources",
            "Connect a sending number",
            body=json_content(
                object_of(SOURCE_IN, required=(*SOURCE, "access_token")), {**SOURCE_EXAMPLE, "access_token": "EAAB..."}
            ),
            answer=answer_of(
                "Connected.", success_of("Source created successfully.", {"id": SOURCE_ID}), data=_ID_DATA
            ),
        ),
    },
    "/api/v2/source/{id}": {
        "get": operation_of(
            "sources.get.v2",
            "Contract: sources",
            "Show a sending number",
            answer=answer_of(
                "The number, without its secrets.", {"status": "success", "data": _SOURCE_OUT}, data=_SOURCE_DATA
            ),
            path_id=_SOURCE_ID_HELP,
        ),
        "put": operation_of(
            "sources.change.v2",
            "Contract: sources",
            "Change a sending number",
            description="Any members of the creation.",
            body=json_content(object_of(SOURCE_IN), {"name": "Workshop"}),
            answer=answer_of("Changed.", success_of("Source updated successfully.", {"id": SOURCE_ID}), data=_ID_DATA),
            path_id=_SOURCE_ID_HELP,
        ),
        "delete": operation_of(
            "sources.delete.v2",
            "Contract: sources",
            "Take a sending number out of use",
            answer=answer_of("Deleted.", success_of("Source deleted successfully.")),
            path_id=_SOURCE_ID_HELP,
        ),
    },
}
"""Operation ids are the names in ``waypost.web.auth.SCOPES``, with a suffix where a name stands twice."""


def scoped_name(operation_id: str) -> str:
    """Return the name under which ``SCOPES`` knows an operation of this document."""
    return ".".join(operation_id.split(".")[:2])
