"""The report calls at the root, as OpenAPI paths: questions and bodies (``docs/reports.md``)."""

from typing import Any, Final

from waypost.web.contract_operations import answer_of, operation_of
from waypost.web.contract_schemas import MESSAGE_ID, SOURCE_ID, JsonObject

_TAG: Final = "Contract: reports"
_COUNTS: Final = {"accepted": 3, "sent": 3, "delivered": 2, "read": 1, "click": 1, "failed": 0, "incoming": 1}
_SPAN: Final = {"start_date": "2031-03-03", "end_date": "2031-03-04"}
_MESSAGE: Final = {
    "id": MESSAGE_ID,
    "source": SOURCE_ID,
    "recipient": "12025550143",
    "message_type": "template",
    "template_name": "repair_done",
    "x-apiheader": "ticket-118",
    "status": "delivered",
    "status_remark": "",
    "accepted_at": "2031-03-04 09:15:19",
    "sent_at": "2031-03-04 09:15:20",
    "delivered_at": "2031-03-04 09:15:22",
    "read_at": "",
    "failed_at": "",
    "click": 0,
    "pricing": {"category": "utility", "type": "regular", "billable": True},
}


def _parameter(name: str, description: str, schema: JsonObject, *, required: bool = False) -> JsonObject:
    return {"name": name, "in": "query", "required": required, "description": description, "schema": schema}


_TEXT: Final = {"type": "string", "maxLength": 4096}
_DATES: Final = [
    _parameter(
        "start_date",
        "First day, in UTC.",
        {"type": "string", "format": "date", "examples": ["2031-03-03"]},
        required=True,
    ),
    _parameter(
        "end_date",
        "Last day, included; at most 1100 days in all.",
        {"type": "string", "format": "date", "examples": ["2031-03-04"]},
        required=True,
    ),
]
_TAG_FILTER: Final = _parameter("tag", "Only messages with this `x-apiheader`.", _TEXT)
_FILTERS: Final = [
    _parameter("source", "Only this source id.", _TEXT),
    _parameter("template", "Only this template.", _TEXT),
    _TAG_FILTER,
]


def _report(name: str, summary: str, data: Any, parameters: list[JsonObject], *, description: str = "") -> JsonObject:
    operation = operation_of(
        name,
        _TAG,
        summary,
        description=description,
        answer=answer_of("What was asked for, or why not.", {"status": "success", "data": data}),
    )
    return {**operation, "parameters": parameters} if parameters else operation


REPORT_PATHS: Final[JsonObject] = {
    "/settings": {
        "get": _report("reports.settings", "Show the account's switches", {"linktrack": False, "skipoptin": False}, [])
    },
    "/stats": {
        "get": _report(
            "reports.stats",
            "Count events by day, week or month",
            {**_SPAN, "granularity": "week", "stats": [{"date": "2031-03-03", **_COUNTS}], "total": _COUNTS},
            [
                *_DATES,
                _parameter("granularity", "Absent: `day`.", {"type": "string", "enum": ["day", "week", "month"]}),
                *_FILTERS,
            ],
            description="An event counts on the day it happened, in UTC.",
        )
    },
    "/messages": {
        "get": _report(
            "reports.messages",
            "List messages with their statuses",
            {**_SPAN, "messages": [_MESSAGE], "next_cursor": ""},
            [
                *_DATES,
                _TAG_FILTER,
                _parameter("cursor", "`next_cursor` of the page before.", {"type": "string"}),
                _parameter("limit", "Absent: 100.", {"type": "integer", "minimum": 1, "maximum": 1000}),
            ],
            description="Messages accepted in the span, oldest first; an empty `next_cursor` is the end.",
        )
    },
    "/summary_stats": {
        "get": _report(
            "reports.summary",
            "Sum a span up",
            {
                **_SPAN,
                "total": _COUNTS,
                "templates": [{"template_name": "repair_done", **_COUNTS}],
                "failures": [{"remark": "8003 WhatsApp contact does not exist", "count": 1}],
                "prices": [{"category": "utility", "type": "regular", "billable": True, "count": 3, "cost": "0.012"}],
                "cost": {"currency": "USD", "total": "0.012", "unpriced": 0},
                "tags": [{"tag": "ticket-118", "count": 1}],
                "tags_complete": True,
            },
            [*_DATES, *_FILTERS],
            description="Totals, and the same by template, failure, price and tag.",
        )
    },
}
