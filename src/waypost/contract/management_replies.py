"""
Answers of the management paths (contract, section 6): ``{"status":"success","data":…}``.

The contract gives names to some members and shapes to none; these are Waypost's, and ``docs/management.md`` shows each.
"""

from collections.abc import Sequence
from typing import Any, Literal

from waypost.contract.languages import LANGUAGES
from waypost.contract.replies import with_data
from waypost.contract.template_management import CATEGORIES
from waypost.domain.value import value


@value
class TemplateView:
    """One template in one language; ``quality`` and ``rejected_reason`` are ``""`` where there is none."""

    template_id: str
    name: str
    language: str
    status: str
    category: str
    quality: str
    rejected_reason: str
    components: list[dict[str, Any]]


@value
class WebhookView:
    """One webhook in one of the contract's two kinds."""

    name: str
    url: str
    kind: Literal["incoming", "event"]
    is_enabled: bool


def template_statuses(templates: Sequence[TemplateView]) -> bytes:
    """Return the v2 answer on a template's status, one element a language."""
    return with_data([_status(template) for template in templates])


def template_statuses_in_full(templates: Sequence[TemplateView]) -> bytes:
    """Return the v3 answer on a template's status, which says also why, and how users take it."""
    return with_data(
        [
            {**_status(template), "quality": template.quality, "rejected_reason": template.rejected_reason}
            for template in templates
        ]
    )


def template_previews(templates: Sequence[TemplateView]) -> bytes:
    """Return what a template is made of, one element a language."""
    return with_data(
        [
            {"name": template.name, "language": template.language, "components": template.components}
            for template in templates
        ]
    )


def templates_listed(templates: Sequence[TemplateView], *, total: int, limit: int, offset: int) -> bytes:
    """Return a part of the templates that match; ``total`` is how many do."""
    return with_data(
        {
            "templates": [
                {
                    "id": template.template_id,
                    "name": template.name,
                    "language": template.language,
                    "status": template.status,
                    "category": template.category,
                    "quality": template.quality,
                    "rejected_reason": template.rejected_reason,
                    "components": template.components,
                }
                for template in templates
            ],
            "total": total,
            "limit": limit,
            "offset": offset,
        }
    )


def template_created(*, template_id: str, status: str, category: str) -> bytes:
    """Return the answer to the creation of a template."""
    return with_data({"id": template_id, "status": status, "category": category})


def template_edited(*, template_id: str, status: str) -> bytes:
    """Return the answer to a change of a template."""
    return with_data({"id": template_id, "status": status})


def template_deleted(*, name: str, languages: Sequence[str]) -> bytes:
    """Return the answer to the deletion of a template; ``languages`` are those it was deleted in."""
    return with_data({"name": name, "languages": list(languages)})


def categories_listed() -> bytes:
    """Return the categories a template may have."""
    return with_data([{"code": category, "name": category.capitalize()} for category in CATEGORIES])


def languages_listed() -> bytes:
    """Return the languages a template may be in."""
    return with_data([{"code": code, "name": name} for code, name in LANGUAGES.items()])


def sample_uploaded(*, sample_id: str, url: str) -> bytes:
    """Return the answer to the upload of a header's sample."""
    return with_data({"sample_id": sample_id, "url": url})


def number_described(
    *,
    verified_status: str,
    quality_rating: str,
    messaging_limit: str,
    whatsapp_number: str,
    business_name: str,
    business_profile_logo: str,
) -> bytes:
    """Return what the provider says of a number; ``""`` for what it leaves out."""
    return with_data(
        {
            "verified_status": verified_status,
            "quality_rating": quality_rating,
            "messaging_limit": messaging_limit,
            "whatsapp_number": whatsapp_number,
            "business_name": business_name,
            "business_profile_logo": business_profile_logo,
        }
    )


def profile_described(*, client_name: str, client_profile_url: str) -> bytes:
    """Return who users see a number to be."""
    return with_data({"client_name": client_name, "client_profile_url": client_profile_url})


def webhooks_listed(webhooks: Sequence[WebhookView]) -> bytes:
    """Return webhooks, one element for each of their kinds."""
    return with_data([_webhook(webhook) for webhook in webhooks])


def webhook_updated(webhook: WebhookView) -> bytes:
    """Return the answer to a change of a webhook."""
    return with_data(_webhook(webhook))


def _status(template: TemplateView) -> dict[str, Any]:
    return {
        "name": template.name,
        "language": template.language,
        "status": template.status,
        "category": template.category,
        "id": template.template_id,
    }


def _webhook(webhook: WebhookView) -> dict[str, Any]:
    return {
        "name": webhook.name,
        "url": webhook.url,
        "status": "enable" if webhook.is_enabled else "disable",
        "type": webhook.kind,
    }
