"""The contract's management paths as OpenAPI: templates, webhooks by name, and what a number is (section 6)."""

from typing import Final

from waypost.contract.template_management import CATEGORIES
from waypost.contract.template_queries import LIST_ROWS, LIST_ROWS_MAX
from waypost.web.contract_operations import answer_of, json_content, operation_of
from waypost.web.contract_schemas import SOURCE_ID, JsonObject, closed, object_of, text

_TEMPLATES: Final = "Contract: templates"
_WEBHOOKS: Final = "Contract: webhooks"
_SOURCES: Final = "Contract: sources"
_NAME: Final = "repair_done"
_ID: Final = "594425479261596"
_COMPONENTS: Final = [
    {"type": "BODY", "text": "Dear {{1}}, your bicycle is ready.", "example": {"body_text": [["Noor"]]}},
    {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "Thank you"}]},
]
_SOURCE_MEMBER: Final = text("Id of the number whose business account is meant; absent: the default one.")
_STATUS: Final = {"name": _NAME, "language": "en", "status": "APPROVED", "category": "UTILITY", "id": _ID}
_JUDGEMENT: Final = {"quality": "GREEN", "rejected_reason": ""}
_WEBHOOK: Final = {
    "name": "orders",
    "url": "https://hooks.example.org/orders",
    "status": "enable",
    "type": "event",
}


Member = tuple[str, str, JsonObject]
"""Of a query: its name, what it is about, and the rules of its text."""


def _data_of(example: JsonObject) -> JsonObject:
    """Return the schema of an object with exactly these members, by what their values are."""
    kinds = {str: "string", int: "integer", list: "array"}
    members: JsonObject = {
        name: {"type": kinds[type(given)], **({"items": {}} if type(given) is list else {})}
        for name, given in example.items()
    }
    return closed(members, required=tuple(members))


def _listed(example: JsonObject) -> JsonObject:
    return {"type": "array", "items": _data_of(example)}


def _success(data: object) -> JsonObject:
    return {"status": "success", "data": data}


def _query(*members: Member) -> list[JsonObject]:
    source: Member = ("source", "Id of the number whose business account is meant; absent: the default one.", {})
    return [
        {"name": name, "in": "query", "required": False, "description": about, "schema": {"type": "string", **rules}}
        for name, about, rules in (*members, source)
    ]


def _asking(operation: JsonObject, *members: Member) -> JsonObject:
    return {**operation, "parameters": _query(*members)}


_LIST_MEMBERS: Final[tuple[Member, ...]] = (
    (
        "limit",
        f"Most of the answer, 1 to {LIST_ROWS_MAX}; {LIST_ROWS} if absent.",
        {"pattern": r"^\d{1,4}$"},
    ),
    ("offset", "How many to pass over; 0 if absent.", {"pattern": r"^\d{1,9}$"}),
    ("status", "Such as `Approved`, without case.", {}),
    ("language", "Name or code, without case; a bare name stands for all its regions.", {}),
    ("template_type", "`1` text, `2` with a file in the header, `3` carousel; several with commas.", {}),
)
_NAMED: Final[Member] = ("templatename", "The template's name.", {})
_BY_ID: Final[Member] = ("templateid", "The template's id, in place of its name.", {})


def _list(name: str, *more: Member) -> JsonObject:
    one = {**_STATUS, **_JUDGEMENT, "components": _COMPONENTS}
    page = {"templates": [one], "total": 1, "limit": LIST_ROWS, "offset": 0}
    schema = _data_of(page)
    schema["properties"]["templates"] = _listed(one)
    answer = answer_of("Templates by name and language, and how many match.", _success(page), data=schema)
    return _asking(operation_of(name, _TEMPLATES, "List templates", answer=answer), *_LIST_MEMBERS, *more)


def _preview(name: str, *members: Member) -> JsonObject:
    one = {"name": _NAME, "language": "en", "components": _COMPONENTS}
    answer = answer_of("Its components, one element a language; unknown: 8009.", _success([one]), data=_listed(one))
    return _asking(operation_of(name, _TEMPLATES, "Show what a template is made of", answer=answer), *members)


def _status(name: str, one: JsonObject, *members: Member) -> JsonObject:
    answer = answer_of("One element a language; unknown: 8009.", _success([one]), data=_listed(one))
    return _asking(operation_of(name, _TEMPLATES, "Say how far a template is", answer=answer), *members)


_DEFINITION: Final = {
    "name": text("Lower-case letters, digits and underscores.", pattern="^[a-z0-9_]+$", maxLength=512),
    "language": text("Such as `en_US`."),
    "category": text("Upstream's word, without case.", enum=list(CATEGORIES)),
    "components": {
        "type": "array",
        "minItems": 1,
        "maxItems": 10,
        "items": object_of({"type": text("Such as `BODY`.")}, required=("type",)),
        "description": "Upstream's: header, body, footer, buttons; forwarded unchanged.",
    },
    "allow_category_change": {"type": "boolean", "description": "Upstream may choose another category."},
    "parameter_format": text("`POSITIONAL` or `NAMED`.", enum=["POSITIONAL", "NAMED"]),
    "message_send_ttl_seconds": {"type": "integer", "description": "How long upstream tries to deliver."},
}
_REQUIRED: Final = ("name", "language", "category", "components")
_NEW: Final = {"name": _NAME, "language": "en", "category": "UTILITY", "components": _COMPONENTS}
_CREATED: Final = {"id": _ID, "status": "PENDING", "category": "UTILITY"}
_EDITED: Final = {"id": _ID, "status": "PENDING"}
_DELETED: Final = {"name": _NAME, "languages": ["en"]}
_WORD: Final = {"code": "en_US", "name": "English (US)"}
_CATEGORY: Final = {"code": "UTILITY", "name": "Utility"}
_SAMPLE: Final = {
    "sample_id": "4::aW1hZ2UvcG5n...",
    "url": "https://waypost.example.org/api/v2/media/e4a61b0f-8c27-4d59-b3f2-70d9158ac6e1",
}
_NUMBER: Final = {
    "verified_status": "VERIFIED",
    "quality_rating": "GREEN",
    "messaging_limit": "TIER_2K",
    "whatsapp_number": "+1 202-555-0199",
    "business_name": "Bicycle shop",
    "business_profile_logo": "https://pps.example.org/logo.jpg",
}
_PROFILE: Final = {"client_name": "Bicycle shop", "client_profile_url": "https://pps.example.org/logo.jpg"}


def _create(name: str, schema: JsonObject, example: JsonObject) -> JsonObject:
    return operation_of(
        name,
        _TEMPLATES,
        "Hand a template in for review",
        body=json_content(schema, example),
        answer=answer_of("How the provider took it.", _success(_CREATED), data=_data_of(_CREATED)),
    )


def _edit(name: str, summary: str, schema: JsonObject, example: JsonObject) -> JsonObject:
    return operation_of(
        name,
        _TEMPLATES,
        summary,
        description="The template is reviewed again. Upstream takes this once in 24 hours, ten times in 30 days.",
        body=json_content(schema, example),
        answer=answer_of("How far it is now.", _success(_EDITED), data=_data_of(_EDITED)),
    )


_WRAPPED: Final = {
    "meta_payload": object_of(_DEFINITION, required=_REQUIRED),
    "nc_payload": {"type": "object", "description": "Of the legacy service; ignored."},
    "source": _SOURCE_MEMBER,
}

MANAGEMENT_PATHS: Final[JsonObject] = {
    "/api/v2/metainfo/template/list": {"get": _list("templates.read.v2_list")},
    "/api/v2/metainfo/template/status": {"get": _status("templates.read.v2_status", _STATUS, _NAMED)},
    "/api/v2/metainfo/template/preview": {"get": _preview("templates.read.v2_preview", _NAMED)},
    "/api/v2/metainfo/template/create": {
        "post": _create(
            "templates.create.v2",
            object_of({**_DEFINITION, "source": _SOURCE_MEMBER}, required=_REQUIRED),
            {**_NEW, "allow_category_change": True},
        )
    },
    "/api/v3/metainfo/template/list": {
        "get": _list("templates.read.v3_list", ("template_name", "Only this name, without case.", {}))
    },
    "/api/v3/metainfo/template/status": {
        "get": _status("templates.read.v3_status", {**_STATUS, **_JUDGEMENT}, _NAMED, _BY_ID)
    },
    "/api/v3/metainfo/template/preview": {"get": _preview("templates.read.v3_preview", _NAMED, _BY_ID)},
    "/api/v3/metainfo/template/create": {
        "post": _create("templates.create.v3", object_of(_WRAPPED, required=("meta_payload",)), {"meta_payload": _NEW})
    },
    "/api/v3/metainfo/template/edit": {
        "put": _edit(
            "templates.change.v3",
            "Change a template",
            object_of(
                {
                    "meta_payload": object_of(_DEFINITION, description="Category or components, or both."),
                    "template_id": text("Of the template; absent: `name` and `language` say which."),
                    "nc_payload": _WRAPPED["nc_payload"],
                    "source": _SOURCE_MEMBER,
                },
                required=("meta_payload",),
            ),
            {"template_id": _ID, "meta_payload": {"components": _COMPONENTS}},
        )
    },
    "/api/v3/metainfo/template/edit_category": {
        "post": _edit(
            "templates.change.v3_category",
            "Change a template's category",
            object_of(
                {
                    "template_id": text("Which template; or `template_name`."),
                    "template_name": text("Which template; with `language` where it has several."),
                    "language": text("Its code."),
                    "new_category": text("The category.", enum=list(CATEGORIES)),
                    "stop_at_cc": {"description": "Only `false`: there is no such stop."},
                    "template_save_mode": text("Only `publish`: there are no drafts.", enum=["publish"]),
                    "source": _SOURCE_MEMBER,
                },
                required=("new_category",),
                description="The same members are taken from the query, which wins.",
            ),
            {"template_name": _NAME, "new_category": "MARKETING"},
        )
    },
    "/api/v3/metainfo/template/delete": {
        "post": operation_of(
            "templates.delete.v3",
            _TEMPLATES,
            "Delete a template",
            description="The name of an approved template cannot be used again for 30 days.",
            body=json_content(
                object_of(
                    {
                        "name": text("Its name."),
                        "language": text("Its code; absent: all its languages."),
                        "source": _SOURCE_MEMBER,
                    },
                    required=("name",),
                ),
                {"name": _NAME, "language": "en"},
            ),
            answer=answer_of("Where it is gone.", _success(_DELETED), data=_data_of(_DELETED)),
        )
    },
    "/api/v3/metainfo/template/create_media_handler": {
        "post": operation_of(
            "templates.create.v3_sample",
            _TEMPLATES,
            "Upload a sample for a template's header",
            description="At most 16 MB. `sample_id` goes into `example.header_handle` of the header.",
            body={
                "content": {
                    "multipart/form-data": {
                        "schema": object_of(
                            {
                                "file": {"type": "string", "format": "binary"},
                                "format": text("What the file is.", enum=["image", "video", "document"]),
                                "source": _SOURCE_MEMBER,
                            },
                            required=("file", "format"),
                        )
                    }
                }
            },
            answer=answer_of("Upstream's handle, and where we keep it.", _success(_SAMPLE), data=_data_of(_SAMPLE)),
        )
    },
    "/api/v3/metainfo/template/categorylist": {
        "get": operation_of(
            "templates.read.v3_categories",
            _TEMPLATES,
            "List the categories a template may have",
            answer=answer_of("All of them.", _success([_CATEGORY]), data=_listed(_CATEGORY)),
        )
    },
    "/api/v3/metainfo/template/languagelist": {
        "get": operation_of(
            "templates.read.v3_languages",
            _TEMPLATES,
            "List the languages a template may be in",
            answer=answer_of("All of them.", _success([_WORD]), data=_listed(_WORD)),
        )
    },
    "/api/v3/metainfo/template/display_number_details": {
        "get": _asking(
            operation_of(
                "sources.describe.v3",
                _SOURCES,
                "Say what the provider holds of a number",
                answer=answer_of("As the provider says it now.", _success(_NUMBER), data=_data_of(_NUMBER)),
            )
        )
    },
    "/api/v3/metainfo/profiledetails": {
        "get": _asking(
            operation_of(
                "sources.describe.v3_profile",
                _SOURCES,
                "Say who users see a number to be",
                answer=answer_of("As the provider says it now.", _success(_PROFILE), data=_data_of(_PROFILE)),
            )
        )
    },
    "/api/v3/metainfo/webhook/list_webhook": {
        "get": {
            **operation_of(
                "webhooks.list.v3",
                _WEBHOOKS,
                "List webhooks by name",
                answer=answer_of("One element for each kind.", _success([_WEBHOOK]), data=_listed(_WEBHOOK)),
            ),
            "parameters": [
                {
                    "name": "type",
                    "in": "query",
                    "required": False,
                    "description": "Only this kind.",
                    "schema": {"type": "string", "enum": ["incoming", "event"]},
                }
            ],
        }
    },
    "/api/v3/metainfo/webhook/update_webhook": {
        "post": operation_of(
            "webhooks.change.v3",
            _WEBHOOKS,
            "Change a webhook by its name",
            body=json_content(
                object_of(
                    {
                        "type": {"type": "string", "enum": ["incoming", "event"]},
                        "name": text("The name given when it was made."),
                        "url": text("Where to post from now on.", format="uri"),
                        "source": text("Id of the one source to hear of from now on."),
                        "headers": text("A JSON object in a string; takes the place of all headers."),
                    },
                    required=("type", "name"),
                ),
                {
                    "type": "event",
                    "name": "orders",
                    "url": "https://hooks.example.org/orders",
                    "source": SOURCE_ID,
                    "headers": '{"X-Shop":"north"}',
                },
            ),
            answer=answer_of("What it is now.", _success(_WEBHOOK), data=_data_of(_WEBHOOK)),
        )
    },
}
