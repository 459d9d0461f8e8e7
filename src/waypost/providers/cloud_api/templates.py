"""The templates of a business account at the provider (message templates reference, Sep 2026)."""

from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import quote, urlencode

from waypost.domain.errors import FailureReason, SendFailure, SendFailureKind
from waypost.ports import ProviderTemplate
from waypost.providers.cloud_api.members import printable_text, word

JsonObject = dict[str, Any]
Get = Callable[[str], Awaitable[JsonObject | SendFailure]]
"""Make a GET of a path with the source's token: the answer's object, or how it failed."""

NAME_CHARACTERS_MAX: Final = 512
PAGE_BYTES_MAX: Final = 16 << 20
"""A template has at most some 20 KB, ten cards of a carousel with their texts and samples."""

_PAGE_ITEMS: Final = 200
_PAGES_MAX: Final = 100
"""A business account has at most 6,000 template names, in some languages each."""
_FIELDS: Final = "id,name,language,status,category,components,quality_score,rejected_reason,parameter_format"


async def list_templates(get: Get, *, waba_id: str) -> tuple[ProviderTemplate, ...] | SendFailure:
    """
    Return all templates of a business account, or how one of the pages failed: then nothing is known.

    A template that makes no sense is left out, one listed twice counts as listed last.
    """
    found: dict[tuple[str, str], ProviderTemplate] = {}
    after: str | None = None
    for _ in range(_PAGES_MAX):
        query = {"fields": _FIELDS, "limit": str(_PAGE_ITEMS), **({} if after is None else {"after": after})}
        page = await get(f"{quote(waba_id, safe='')}/message_templates?{urlencode(query)}")
        if isinstance(page, SendFailure):
            return page
        items = page.get("data")
        if type(items) is not list:
            return _no_list("the answer has no list of templates")
        for template in map(read_template, items):
            if template is not None:
                found[template.name, template.language] = template
        following = _next_cursor(page.get("paging"))
        if following is None:
            return tuple(found.values())
        if following == after:
            return _no_list("the list of templates does not end")
        after = following
    return _no_list(f"the list of templates has more than {_PAGES_MAX} pages")


def read_template(item: Any) -> ProviderTemplate | None:
    """Return one template of a list or an answer, None if it is not one."""
    if type(item) is not dict:
        return None
    provider_id, name = word(item.get("id")), printable_text(item.get("name"), NAME_CHARACTERS_MAX)
    language, status = word(item.get("language")), word(item.get("status"))
    components = item.get("components", [])
    if not (provider_id and name and language and status) or type(components) is not list:
        return None
    quality = item.get("quality_score")
    reason = word(item.get("rejected_reason"))
    return ProviderTemplate(
        id=provider_id,
        name=name,
        language=language,
        category=word(item.get("category")).upper(),
        status=status.upper(),
        quality=word(quality.get("score")).upper() if type(quality) is dict else "",
        rejected_reason="" if reason.upper() == "NONE" else reason,
        components=tuple(component for component in components if type(component) is dict),
    )


def _next_cursor(paging: Any) -> str | None:
    """Return the cursor of the next page; a page without ``next`` is the last."""
    if type(paging) is not dict or not paging.get("next") or type(paging.get("cursors")) is not dict:
        return None
    after = paging["cursors"].get("after")
    return after if type(after) is str and after else None


def _no_list(detail: str) -> SendFailure:
    return SendFailure(kind=SendFailureKind.TRANSIENT, reason=FailureReason.TECHNICAL_ERROR, detail=detail)
