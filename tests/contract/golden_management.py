"""How the golden files of the management paths are played (contract, section 6)."""

from collections.abc import Callable
from typing import Any

import orjson

from waypost.contract import management_replies, template_management, template_queries, webhook_management


def _query(parse: Callable[..., Any], **options: Any) -> Callable[[bytes], Any]:
    """Return a parser of a query; a file holds its members as an object."""
    return lambda body: parse(orjson.loads(body), **options)


PARSERS: dict[str, Callable[[bytes], Any]] = {
    "template_create": template_management.parse_template_creation,
    "template_create_wrapped": template_management.parse_wrapped_creation,
    "template_edit": template_management.parse_template_edit,
    "template_edit_category": _query(template_management.parse_category_edit),
    "template_delete": template_management.parse_template_deletion,
    "template_list": _query(template_queries.parse_template_listing),
    "template_list_by_name": _query(template_queries.parse_template_listing, name_member="template_name"),
    "template_named": _query(template_queries.parse_template_named, takes_id=False),
    "template_named_or_id": _query(template_queries.parse_template_named, takes_id=True),
    "template_sample": lambda body: template_queries.check_sample_format(orjson.loads(body).get("format")),
    "webhook_list": _query(webhook_management.parse_webhook_listing),
    "webhook_update": webhook_management.parse_webhook_update,
}


def _templates(render: Callable[..., bytes], **options: Any) -> Callable[..., bytes]:
    return lambda _, a, __: render(
        [management_replies.TemplateView(**each) for each in a["templates"]],
        **{name: a[name] for name in options.get("names", ())},
    )


def _plain(render: Callable[..., bytes]) -> Callable[..., bytes]:
    return lambda _, a, __: render(**a)


REPLIES: dict[str, Callable[..., bytes]] = {
    "template_statuses": _templates(management_replies.template_statuses),
    "template_statuses_in_full": _templates(management_replies.template_statuses_in_full),
    "template_previews": _templates(management_replies.template_previews),
    "templates_listed": _templates(management_replies.templates_listed, names=("total", "limit", "offset")),
    "template_created": _plain(management_replies.template_created),
    "template_edited": _plain(management_replies.template_edited),
    "template_deleted": _plain(management_replies.template_deleted),
    "categories_listed": _plain(management_replies.categories_listed),
    "languages_listed": _plain(management_replies.languages_listed),
    "sample_uploaded": _plain(management_replies.sample_uploaded),
    "number_described": _plain(management_replies.number_described),
    "profile_described": _plain(management_replies.profile_described),
    "webhooks_listed": lambda _, a, __: management_replies.webhooks_listed(
        [management_replies.WebhookView(**each) for each in a["webhooks"]]
    ),
    "webhook_updated": lambda _, a, __: management_replies.webhook_updated(
        management_replies.WebhookView(**a["webhook"])
    ),
}
