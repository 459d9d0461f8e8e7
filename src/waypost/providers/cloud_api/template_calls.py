"""
Templates made, changed and deleted at the provider, and the sample files their headers need.

Source: template management, template guides and resumable upload pages, Sep 2026.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from waypost.domain.value import value
from waypost.ports import ProviderSource
from waypost.providers.cloud_api.calls import CallFailure, CallFailureKind, Found, GraphCalls, quoted

_SESSION: Final = re.compile(r"upload:[A-Za-z0-9:_=+/.~-]{1,512}(?:\?[A-Za-z0-9_=&%.~-]{1,512})?")
"""An upload session's id is put into a URL as it came, query and all, so nothing else may stand in it."""


@value
class MadeTemplate:
    """What upstream says of a template just made; ``category`` is its own judgement where that was allowed."""

    provider_id: str
    status: str
    category: str


async def create_template(
    calls: GraphCalls, source: ProviderSource, *, waba_id: str, definition: Mapping[str, Any]
) -> MadeTemplate | CallFailure:
    """
    Hand a template in for review; ``definition`` is upstream's: name, language, category, components and more.

    A second call with the same name and language is refused, member ``name``.
    """
    found = await calls.call(source, "POST", f"{quoted(waba_id)}/message_templates", body=definition)
    if isinstance(found, CallFailure):
        return found
    provider_id = _text(found.get("id"))
    if not provider_id:
        return CallFailure(kind=CallFailureKind.UNREACHABLE, detail="the answer names no template id")
    return MadeTemplate(
        provider_id=provider_id,
        status=_text(found.get("status")) or "PENDING",
        category=_text(found.get("category")) or str(definition.get("category", "")),
    )


async def edit_template(
    calls: GraphCalls, source: ProviderSource, *, provider_id: str, changes: Mapping[str, Any]
) -> CallFailure | None:
    """
    Change category, components or time to live; the template is reviewed again.

    Upstream takes this for approved, rejected and paused templates only, ten times in 30 days, once in 24 h.
    """
    found = await calls.call(source, "POST", quoted(provider_id), body=changes)
    return found if isinstance(found, CallFailure) else None


async def delete_template(
    calls: GraphCalls, source: ProviderSource, *, waba_id: str, name: str, provider_id: str | None = None
) -> CallFailure | None:
    """
    Delete a template in all its languages, or the one with this id.

    The name of an approved one cannot be used again for 30 days. A second call is refused, as not found.
    """
    query = {"name": name} if provider_id is None else {"hsm_id": provider_id, "name": name}
    found = await calls.call(source, "DELETE", f"{quoted(waba_id)}/message_templates", query=query)
    return found if isinstance(found, CallFailure) else None


async def fetch_template(calls: GraphCalls, source: ProviderSource, *, provider_id: str) -> Found | CallFailure:
    """Return a template as upstream has it now."""
    fields = "id,name,language,status,category,components,quality_score,rejected_reason"
    return await calls.call(source, "GET", quoted(provider_id), query={"fields": fields})


async def upload_sample(
    calls: GraphCalls, source: ProviderSource, *, data: bytes, mime_type: str, filename: str
) -> str | CallFailure:
    """
    Upload a file that shows reviewers what a header will hold; return its handle, for ``example.header_handle``.

    Files of this kind belong to the token's app, which Graph calls ``app`` whatever its id.
    """
    about = {"file_name": filename, "file_length": str(len(data)), "file_type": mime_type}
    opened = await calls.call(source, "POST", "app/uploads", query=about)
    if isinstance(opened, CallFailure):
        return opened
    session = _text(opened.get("id"))
    if not _SESSION.fullmatch(session):
        return CallFailure(kind=CallFailureKind.UNREACHABLE, detail="the answer names no upload session")
    found = await calls.upload(source, session, data=data)
    if isinstance(found, CallFailure):
        return found
    handle = _text(found.get("h"))
    return handle or CallFailure(kind=CallFailureKind.UNREACHABLE, detail="the answer names no handle")


def _text(found: Any) -> str:
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""
