"""Questions about templates (contract, section 6): members of a query, so all of them are texts."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, cast

from waypost.contract.checks import is_blank, optional_text, required_choice, required_text
from waypost.contract.errors import ContractRefusal, RefusedError, can_only_be, is_invalid
from waypost.contract.languages import codes_of
from waypost.domain.value import value

LIST_ROWS: Final = 10
LIST_ROWS_MAX: Final = 1_000

TemplateType = Literal["text", "media", "carousel"]
_TYPES: Final[Mapping[str, TemplateType]] = {"1": "text", "2": "media", "3": "carousel"}
_DIGITS: Final = re.compile(r"[0-9]{1,9}")
_FILES: Final = ("image", "video", "document")


@value
class TemplateListing:
    """Which templates to list, and which part of them; None and ``""`` ask for all."""

    limit: int = LIST_ROWS
    offset: int = 0
    name: str = ""
    status: str = ""
    languages: tuple[str, ...] | None = None
    types: frozenset[TemplateType] | None = None


@value
class TemplateNamed:
    """Which template is meant: by its name, or by its id at the provider; one of them is given."""

    name: str = ""
    template_id: str = ""


def parse_template_listing(
    query: Mapping[str, str], *, name_member: str | None = None
) -> TemplateListing | ContractRefusal:
    """Return what to list; ``name_member`` is the query's name for a template's name, where the call takes one."""
    members = dict(query)
    try:
        language = optional_text(members, "language")
        name = None if name_member is None else optional_text(members, name_member)
        return TemplateListing(
            limit=_number(members, "limit", LIST_ROWS, least=1, most=LIST_ROWS_MAX),
            offset=_number(members, "offset", 0, least=0, most=10**9),
            name=(name or "").strip(),
            status=(optional_text(members, "status") or "").strip(),
            languages=codes_of(language) if language else None,
            types=_types(members),
        )
    except RefusedError as refused:
        return ContractRefusal(error=refused.error)


def parse_template_named(query: Mapping[str, str], *, takes_id: bool) -> TemplateNamed | ContractRefusal:
    """Return the template that ``templatename`` names, or ``templateid`` where the call takes it."""
    members = dict(query)
    try:
        if takes_id and not is_blank(members.get("templateid")):
            return TemplateNamed(template_id=required_text(members, "templateid").strip())
        return TemplateNamed(name=required_text(members, "templatename").strip())
    except RefusedError as refused:
        return ContractRefusal(error=refused.error)


def check_sample_format(written: str | None) -> ContractRefusal | None:
    """Return why a sample's ``format`` is refused; None when it is one of upstream's kinds of header files."""
    members = {} if written is None else {"format": written.strip().lower()}
    try:
        required_choice(members, "format", _FILES)
    except RefusedError as refused:
        return ContractRefusal(error=refused.error)
    return None


def _number(members: Mapping[str, str], member: str, default: int, *, least: int, most: int) -> int:
    written = members.get(member, "").strip()
    if not written:
        return default
    if not _DIGITS.fullmatch(written) or not least <= int(written) <= most:
        raise RefusedError(is_invalid(member))
    return int(written)


def _types(members: Mapping[str, str]) -> frozenset[TemplateType] | None:
    written = [part.strip().lower() for part in members.get("template_type", "").split(",") if part.strip()]
    if not written:
        return None
    words = frozenset(_TYPES.get(part, part) for part in written)
    if not words <= frozenset(_TYPES.values()):
        raise RefusedError(can_only_be("template_type", tuple(_TYPES)))
    return cast("frozenset[TemplateType]", words)


def type_of(components: Sequence[Mapping[str, Any]]) -> TemplateType:
    """Return what a template mainly is: a carousel, one with a file in its header, or text."""
    kinds = {str(component.get("type", "")).upper() for component in components}
    if "CAROUSEL" in kinds:
        return "carousel"
    has_file = any(
        str(component.get("type", "")).upper() == "HEADER" and str(component.get("format", "TEXT")).lower() in _FILES
        for component in components
    )
    return "media" if has_file else "text"


def source_of_query(query: Mapping[str, str]) -> str | None:
    """Return the ``source`` of a query; absent and blank alike mean the default one."""
    written = query.get("source", "").strip()
    return written or None
