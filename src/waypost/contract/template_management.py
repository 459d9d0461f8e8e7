"""Requests that make, change and delete templates (contract, section 6), in their v2 and v3 forms."""

import re
from collections.abc import Mapping
from typing import Any, Final

from waypost.contract.checks import (
    is_blank,
    optional_text,
    required_id,
    required_object,
    required_objects,
    required_text,
)
from waypost.contract.decoding import JsonObject, decode_object
from waypost.contract.errors import (
    PARAMETER_MISSING,
    ContractRefusal,
    RefusedError,
    can_only_be,
    is_invalid,
)
from waypost.contract.template_queries import TemplateNamed
from waypost.domain.value import value

CATEGORIES: Final = ("AUTHENTICATION", "MARKETING", "UTILITY")
"""Upstream's categories of templates (template guides, Sep 2026)."""

NAME_CHARACTERS_MAX: Final = 512
COMPONENTS_MAX: Final = 10
_NAME: Final = re.compile(r"[a-z0-9_]+")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(?:_[A-Za-z]{2,4})?")
_FORMATS: Final = ("POSITIONAL", "NAMED")
_SAVE_MODES: Final = ("publish",)


@value
class TemplateDefinition:
    """
    A new template; ``components`` are upstream's, forwarded unchanged.

    ``source`` names the number whose business account gets it, None the account's default. ``extras`` are the other
    members of upstream's that are forwarded.
    """

    source: str | None
    name: str
    language: str
    category: str
    components: list[JsonObject]
    extras: Mapping[str, str | int | bool]

    @property
    def upstream(self) -> dict[str, Any]:
        """The definition as upstream takes it."""
        return {
            "name": self.name,
            "language": self.language,
            "category": self.category,
            "components": self.components,
            **self.extras,
        }


@value
class TemplateEdit:
    """What to change of a template; None: as it is. ``language`` None: the only one there is."""

    source: str | None
    template: TemplateNamed
    language: str | None
    category: str | None
    components: list[JsonObject] | None


@value
class TemplateDeletion:
    """Which template to delete; ``language`` None: all of them."""

    source: str | None
    name: str
    language: str | None


def parse_template_creation(body: bytes) -> TemplateDefinition | ContractRefusal:
    """Return the new template of a v2 request."""
    try:
        request = decode_object(body)
        return _definition(request, source=_source(request))
    except RefusedError as refused:
        return ContractRefusal(error=refused.error)


def parse_wrapped_creation(body: bytes) -> TemplateDefinition | ContractRefusal:
    """Return the new template of a v3 request, where it stands in ``meta_payload``; ``nc_payload`` is ignored."""
    try:
        request = decode_object(body)
        return _definition(required_object(request, "meta_payload"), source=_source(request))
    except RefusedError as refused:
        return ContractRefusal(error=refused.error)


def parse_template_edit(body: bytes) -> TemplateEdit | ContractRefusal:
    """Return what a v3 request changes: ``template_id``, or name and language in ``meta_payload``, say of which."""
    try:
        return _edit(decode_object(body))
    except RefusedError as refused:
        return ContractRefusal(error=refused.error)


def parse_category_edit(members: Mapping[str, Any]) -> TemplateEdit | ContractRefusal:
    """
    Return the change of category that a v3 request asks for; ``members`` are those of its query and its body.

    There are no drafts here, and no stopping of messages when a category changes: what asks for either is refused.
    """
    try:
        return _category_edit(dict(members))
    except RefusedError as refused:
        return ContractRefusal(error=refused.error)


def parse_template_deletion(body: bytes) -> TemplateDeletion | ContractRefusal:
    """Return the template that a v3 request deletes."""
    try:
        request = decode_object(body)
        return TemplateDeletion(
            source=_source(request),
            name=required_text(request, "name", at_most=NAME_CHARACTERS_MAX),
            language=optional_text(request, "language"),
        )
    except RefusedError as refused:
        return ContractRefusal(error=refused.error)


def _edit(request: JsonObject) -> TemplateEdit:
    changes = required_object(request, "meta_payload")
    template_id = None if is_blank(request.get("template_id")) else required_id(request, "template_id")
    named = TemplateNamed(template_id=template_id) if template_id else TemplateNamed(name=_name(changes))
    category = None if is_blank(changes.get("category")) else _category(changes, "category")
    components = None if changes.get("components") is None else _components(changes)
    if category is None and components is None:
        raise RefusedError(PARAMETER_MISSING)
    return TemplateEdit(
        source=_source(request),
        template=named,
        language=optional_text(changes, "language"),
        category=category,
        components=components,
    )


def _category_edit(request: JsonObject) -> TemplateEdit:
    if is_blank(request.get("template_id")):
        named = TemplateNamed(name=required_text(request, "template_name").strip())
    else:
        named = TemplateNamed(template_id=required_id(request, "template_id"))
    category = _category(request, "new_category")
    if str(request.get("stop_at_cc") or "false").lower() not in {"false", "0"}:
        raise RefusedError(is_invalid("stop_at_cc"))
    mode = optional_text(request, "template_save_mode")
    if mode is not None and mode.lower() not in _SAVE_MODES:
        raise RefusedError(can_only_be("template_save_mode", _SAVE_MODES))
    return TemplateEdit(
        source=_source(request),
        template=named,
        language=optional_text(request, "language"),
        category=category,
        components=None,
    )


def _definition(request: JsonObject, *, source: str | None) -> TemplateDefinition:
    return TemplateDefinition(
        source=source,
        category=_category(request, "category"),
        name=_name(request),
        language=_language(request),
        extras=_extras(request),
        components=_components(request),
    )


def _category(request: JsonObject, member: str) -> str:
    category = required_text(request, member).strip().upper()
    if category not in CATEGORIES:
        raise RefusedError(can_only_be(member, CATEGORIES))
    return category


def _name(request: JsonObject) -> str:
    name = required_text(request, "name", at_most=NAME_CHARACTERS_MAX)
    if not _NAME.fullmatch(name):
        raise RefusedError(is_invalid("name"))
    return name


def _language(request: JsonObject) -> str:
    language = required_text(request, "language")
    if not _LANGUAGE.fullmatch(language):
        raise RefusedError(is_invalid("language"))
    return language


def _components(request: JsonObject) -> list[JsonObject]:
    components = required_objects(request, "components", at_most=COMPONENTS_MAX)
    if any(type(component.get("type")) is not str for component in components):
        raise RefusedError(is_invalid("components"))
    return components


def _extras(request: JsonObject) -> dict[str, str | int | bool]:
    extras: dict[str, str | int | bool] = {}
    allow = request.get("allow_category_change")
    if allow is not None:
        if type(allow) is not bool:
            raise RefusedError(is_invalid("allow_category_change"))
        extras["allow_category_change"] = allow
    form = optional_text(request, "parameter_format")
    if form is not None:
        if form.upper() not in _FORMATS:
            raise RefusedError(can_only_be("parameter_format", _FORMATS))
        extras["parameter_format"] = form.upper()
    seconds = request.get("message_send_ttl_seconds")
    if seconds is not None:
        if type(seconds) is not int:
            raise RefusedError(is_invalid("message_send_ttl_seconds"))
        extras["message_send_ttl_seconds"] = seconds
    return extras


def _source(request: JsonObject) -> str | None:
    """Return the source that is named; absent, null and blank alike mean the default one."""
    return None if is_blank(request.get("source")) else required_id(request, "source")
