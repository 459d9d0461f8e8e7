"""What templates there are, and new ones (contract, section 6)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from waypost.client.calls import (
    Answer,
    AsyncRunner,
    Call,
    Request,
    Runner,
    json_request,
    object_of,
    objects_of,
    text_at,
)

_PATH: Final = "/api/v2/metainfo/template"


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateInfo:
    """
    A template in one language. ``status`` such as ``APPROVED`` and ``category`` are as the server has them.

    ``components`` are the Cloud API's, where the call gives them; ``raw`` has all members of the answer.
    """

    id: str
    name: str
    language: str
    status: str
    category: str
    components: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    raw: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplatePage:
    """Some of the templates, and how many there are in all."""

    templates: tuple[TemplateInfo, ...]
    total: int
    limit: int
    offset: int


def list_some(*, limit: int, offset: int, filters: Mapping[str, str | None]) -> Call[TemplatePage]:
    """Return the call that lists templates; filters that are None are not sent."""
    query = {"limit": str(limit), "offset": str(offset)}
    query |= {name: value for name, value in filters.items() if value is not None}

    def parse(answer: Answer) -> TemplatePage:
        data = object_of(answer)
        found = [one for one in data.get("templates") or [] if isinstance(one, dict)]
        return TemplatePage(
            templates=tuple(_template(one) for one in found),
            total=_count(data.get("total"), len(found)),
            limit=_count(data.get("limit"), limit),
            offset=_count(data.get("offset"), offset),
        )

    return Call(request=Request(method="GET", path=f"{_PATH}/list", query=query), parse=parse, is_repeatable=True)


def show(name: str, *, what: str) -> Call[list[TemplateInfo]]:
    """Return the call ``status`` or ``preview`` for a template of this name, in all its languages."""
    return Call(
        request=Request(method="GET", path=f"{_PATH}/{what}", query={"templatename": name}),
        parse=lambda answer: [_template(one) for one in objects_of(answer)],
        is_repeatable=True,
    )


def create(members: Mapping[str, Any]) -> Call[TemplateInfo]:
    """Return the call that asks for a new template; not repeatable, as a second one would be refused."""

    def parse(answer: Answer) -> TemplateInfo:
        return _template({"name": members["name"], "language": members["language"], **object_of(answer)})

    return Call(request=json_request("POST", f"{_PATH}/create", members), parse=parse, is_repeatable=False)


def _members_of_new(
    name: str,
    *,
    language: str,
    category: str,
    components: Sequence[Mapping[str, Any]],
    allow_category_change: bool | None,
) -> dict[str, Any]:
    members: dict[str, Any] = {"name": name, "language": language, "category": category}
    if allow_category_change is not None:
        members["allow_category_change"] = allow_category_change
    return members | {"components": [dict(component) for component in components]}


def _count(found: Any, otherwise: int) -> int:
    return found if type(found) is int else otherwise


def _template(data: dict[str, Any]) -> TemplateInfo:
    components = data.get("components")
    return TemplateInfo(
        id=text_at(data, "id"),
        name=text_at(data, "name"),
        language=text_at(data, "language"),
        status=text_at(data, "status"),
        category=text_at(data, "category"),
        components=tuple(one for one in components if isinstance(one, dict)) if isinstance(components, list) else (),
        raw=data,
    )


class Templates:
    """Templates, by a client that blocks."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def list(
        self,
        *,
        limit: int = 10,
        offset: int = 0,
        status: str | None = None,
        language: str | None = None,
        template_type: str | None = None,
    ) -> TemplatePage:
        """Return some of the templates; filters count without case. Raises what every call raises."""
        filters = {"status": status, "language": language, "template_type": template_type}
        return self._runner.run(list_some(limit=limit, offset=offset, filters=filters))

    def status(self, name: str) -> Sequence[TemplateInfo]:
        """Return a template in all its languages. Raises RefusedError (8009) if there is none of this name."""
        return self._runner.run(show(name, what="status"))

    def preview(self, name: str) -> Sequence[TemplateInfo]:
        """Return what a template is made of, as ``status``."""
        return self._runner.run(show(name, what="preview"))

    def create(
        self,
        name: str,
        *,
        language: str,
        category: str,
        components: Sequence[Mapping[str, Any]],
        allow_category_change: bool | None = None,
    ) -> TemplateInfo:
        """
        Ask for a new template, whose ``components`` are the Cloud API's; the provider judges it.

        Raises: RefusedError; OutcomeUnknownError if the answer was lost.
        """
        members = _members_of_new(
            name,
            language=language,
            category=category,
            components=components,
            allow_category_change=allow_category_change,
        )
        return self._runner.run(create(members))


class AsyncTemplates:
    """Templates, by a client that does not block; see ``Templates``."""

    def __init__(self, runner: AsyncRunner) -> None:
        self._runner = runner

    async def list(
        self,
        *,
        limit: int = 10,
        offset: int = 0,
        status: str | None = None,
        language: str | None = None,
        template_type: str | None = None,
    ) -> TemplatePage:
        """See ``Templates.list``."""
        filters = {"status": status, "language": language, "template_type": template_type}
        return await self._runner.run(list_some(limit=limit, offset=offset, filters=filters))

    async def status(self, name: str) -> Sequence[TemplateInfo]:
        """See ``Templates.status``."""
        return await self._runner.run(show(name, what="status"))

    async def preview(self, name: str) -> Sequence[TemplateInfo]:
        """See ``Templates.preview``."""
        return await self._runner.run(show(name, what="preview"))

    async def create(
        self,
        name: str,
        *,
        language: str,
        category: str,
        components: Sequence[Mapping[str, Any]],
        allow_category_change: bool | None = None,
    ) -> TemplateInfo:
        """See ``Templates.create``."""
        members = _members_of_new(
            name,
            language=language,
            category=category,
            components=components,
            allow_category_change=allow_category_change,
        )
        return await self._runner.run(create(members))
