"""The account's templates: listed, looked at with values in them, handed in, changed, deleted."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from starlette.datastructures import UploadFile
from starlette.responses import Response

from waypost.domain.users import Role
from waypost.media.filenames import safe_filename
from waypost.media.sniff import VIDEO_BYTES_MAX, MediaFacts, check_media
from waypost.providers.cloud_api.calls import CallFailure
from waypost.store.directory import Source
from waypost.store.template_mirror import make_lists_due
from waypost.store.template_reading import (
    TemplateFilter,
    TemplateRecord,
    find_named_templates,
    find_template_by_id,
    list_mirrors,
    page_templates,
)
from waypost.store.transaction import Tx
from waypost.web.console.bubble_parts import Bubble
from waypost.web.console.context import PREFIX, Console
from waypost.web.console.forms import build_request
from waypost.web.console.outbound_bubbles import template_bubble
from waypost.web.console.routing import ConsoleRoute, action, page
from waypost.web.console.tables import Column, Listing, Rows, rows_by_key
from waypost.web.console.template_forms import (
    BUTTON_KINDS,
    FILE_HEADERS,
    HEADERS,
    Fields,
    components_of,
    empty_fields,
    fields_of,
    is_named,
    typed_fields,
    values_of,
)
from waypost.web.console.visit import Visit
from waypost.web.manage.problems import invalid, not_found
from waypost.web.manage.template_editing import made, problem_of_template, removed, source_reaching
from waypost.web.manage.template_models import TemplateChange, TemplateCreation
from waypost.web.template_desk import TemplateDesk
from waypost.web.template_preview import render_template

_FORM_BYTES_MAX: Final = VIDEO_BYTES_MAX + 256 * 1024
_CATEGORIES: Final = ("UTILITY", "MARKETING", "AUTHENTICATION")
_STATUSES: Final = ("APPROVED", "PENDING", "REJECTED", "PAUSED", "DISABLED")
_FILTERS: Final = ("waba_id", "status", "category", "name")
_VALUES_MAX: Final = 200
_VALUE_CHARACTERS_MAX: Final = 4096
_WORD_CHARACTERS_MAX: Final = 512
_COLUMNS: Final = (
    Column(key="name", title="Name", link="path"),
    Column(key="language", title="Language"),
    Column(key="category", title="Category"),
    Column(key="status", title="Status", kind="status"),
    Column(key="quality", title="Quality"),
    Column(key="rejected_reason", title="Rejected because"),
    Column(key="waba_id", title="Business account", kind="code"),
    Column(key="changed_at_us", title="Last change seen", kind="time"),
)
_EMPTY: Final = "There is no such template. Read the provider's list anew, or hand one in."


class TemplatesPage:
    """Templates, of every business account that the account's sources reach."""

    def __init__(self, console: Console) -> None:
        self._console = console
        manage = console.manage
        self._desk = TemplateDesk(manage.database, manage.calls, clock=manage.clock)

    def routes(self) -> list[ConsoleRoute]:
        """Return the routes; those with a word in the place of an id stand first."""
        one = "/templates/{template_id}"
        return [
            page("/templates", self.show_all),
            action("/templates/sync", self.sync, Role.OPERATOR),
            action("/templates/preview", self.preview_typed, Role.ADMIN, bytes_max=_FORM_BYTES_MAX),
            page("/templates/new", self.show_new, Role.ADMIN),
            action("/templates", self.create, Role.ADMIN, bytes_max=_FORM_BYTES_MAX),
            page(one, self.show),
            action(f"{one}/preview", self.preview, Role.VIEWER),
            page(f"{one}/edit", self.show_edit, Role.ADMIN),
            action(f"{one}/edit", self.edit, Role.ADMIN, bytes_max=_FORM_BYTES_MAX),
            action(f"{one}/delete", self.delete, Role.ADMIN),
        ]

    async def show_all(self, visit: Visit) -> Response:
        """List templates, with how fresh the copies of the provider's lists are."""
        chosen = {name: visit.query(name)[:_WORD_CHARACTERS_MAX] for name in _FILTERS}
        wanted = TemplateFilter(
            waba_id=chosen["waba_id"], status=chosen["status"], category=chosen["category"], name=chosen["name"]
        )

        async def fetch(cursor: str | None, at_most: int) -> Rows:
            records = await visit.read(
                lambda tx: page_templates(tx, visit.account_id, wanted, after=cursor or "", at_most=at_most)
            )
            return rows_by_key(records, _shown, key=lambda record: record.provider_id, at_most=at_most)

        listing = Listing(name="templates", columns=_COLUMNS, fetch=fetch, empty=_EMPTY, query=chosen)
        if visit.wants_file:
            return await listing.file(visit)
        mirrors = await visit.read(lambda tx: list_mirrors(tx, visit.account_id))
        return visit.page(
            "templates.html",
            table=await listing.table(visit),
            chosen=chosen,
            mirrors=mirrors,
            sources=self._sources(visit),
            statuses=_STATUSES,
            categories=_CATEGORIES,
        )

    async def sync(self, visit: Visit) -> Response:
        """Have all lists read anew at once."""
        now_us = self._console.manage.clock.now_us()

        def make_due(tx: Tx) -> None:
            lists = [(visit.account_id, mirror.waba_id) for mirror in list_mirrors(tx, visit.account_id)]
            make_lists_due(tx, lists, now_us=now_us)

        await visit.change(make_due)
        return visit.redirect("/templates", notice="The provider's lists are being read. Load the page again.")

    async def show(self, visit: Visit) -> Response:
        """Show one template, with the samples that it was handed in with."""
        record = await self._found(visit)
        values = values_of(record.components, category=record.category)
        return visit.page("template.html", record=record, values=values, bubble=_bubble_of(record, values))

    async def preview(self, visit: Visit) -> Response:
        """Answer with the bubble of a template with other values in it."""
        record = await self._found(visit)
        given = [str(value)[:_VALUE_CHARACTERS_MAX] for value in visit.form.getlist("value")][:_VALUES_MAX]
        samples = values_of(record.components, category=record.category)
        values = [one or samples[place] for place, one in enumerate(given[: len(samples)])]
        return visit.page("template_bubble.html", bubble=_bubble_of(record, values))

    async def show_new(self, visit: Visit) -> Response:
        """Show an empty form."""
        return self._form(visit, fields=empty_fields(), record=None)

    async def preview_typed(self, visit: Visit) -> Response:
        """Answer with the bubble of what is being typed."""
        fields = typed_fields(visit)
        components = components_of({**fields, "body": fields["body"] or "…"})
        category = visit.field("category")
        values = values_of(components, category=category)
        rendered = render_template(components, category=category, parameters=values, button_values={})
        return visit.page("template_bubble.html", bubble=template_bubble(rendered))

    async def create(self, visit: Visit) -> Response:
        """Hand a template in for review."""
        source = self._source_of_form(visit)
        components = await self._components(visit, source)
        request = build_request(
            TemplateCreation,
            name=visit.field("name"),
            language=visit.field("language"),
            category=visit.field("category"),
            components=components,
            parameter_format="NAMED" if is_named(components) else None,
        )
        record = made(await self._desk.create(visit.editor, source, request.upstream()))
        return visit.redirect(
            f"/templates/{record.provider_id}", notice=f"It is handed in: its status is {record.status}."
        )

    async def show_edit(self, visit: Visit) -> Response:
        """Show the form of a template that there is."""
        record = await self._found(visit)
        return self._form(visit, fields=fields_of(record.components), record=record)

    async def edit(self, visit: Visit) -> Response:
        """Change a template; it is reviewed again."""
        record = await self._found(visit)
        source = self._source_reaching(visit, record)
        components = await self._components(visit, source, former=record.components)
        request = build_request(TemplateChange, category=visit.field("category"), components=components)
        changes = request.model_dump(exclude_none=True)
        if request.category == record.category:
            del changes["category"]
        after = made(await self._desk.edit(visit.editor, source, record, changes))
        return visit.redirect(f"/templates/{after.provider_id}", notice=f"It is changed: its status is {after.status}.")

    async def delete(self, visit: Visit) -> Response:
        """Delete a template, or every language of its name."""
        record = await self._found(visit)
        records, is_every_language = [record], visit.field("all_languages") == "yes"
        if is_every_language:
            records = await visit.read(
                lambda tx: find_named_templates(tx, visit.account_id, record.waba_id, record.name)
            )
        source = self._source_reaching(visit, record)
        removed(await self._desk.delete(visit.editor, source, records, is_every_language=is_every_language))
        return visit.redirect("/templates", notice=f"{record.name} is deleted.")

    async def _components(
        self, visit: Visit, source: Source, *, former: Sequence[Mapping[str, Any]] = ()
    ) -> list[dict[str, Any]]:
        fields = typed_fields(visit)
        handle = ""
        if fields["header"] in FILE_HEADERS and not fields["components"]:
            handle = await self._sample(visit, source, kind=fields["header"]) or _former_handle(former)
            if not handle:
                raise invalid("header file", "is missing", hint="Reviewers want to see a file like those to come.")
        return components_of(fields, header_handle=handle)

    async def _sample(self, visit: Visit, source: Source, *, kind: str) -> str:
        upload = visit.form.get("header_file")
        if not isinstance(upload, UploadFile) or not upload.filename:
            return ""
        data = await upload.read()
        facts = await asyncio.to_thread(check_media, data)
        if not isinstance(facts, MediaFacts):
            raise invalid("header file", facts.detail, hint="WhatsApp does not take this file.")
        if facts.kind.value != kind:
            raise invalid("header file", f"is a file of kind {facts.kind.value}, not {kind}", hint="Choose another.")
        filename = safe_filename(upload.filename) or f"sample-{kind}"
        handle = await self._desk.upload_sample(source, data=data, mime_type=facts.mime_type, filename=filename)
        if isinstance(handle, CallFailure):
            raise problem_of_template(handle)
        return handle

    def _form(self, visit: Visit, *, fields: Fields, record: TemplateRecord | None) -> Response:
        return visit.page(
            "template_form.html",
            fields=fields,
            record=record,
            sources=self._sources(visit),
            categories=_CATEGORIES,
            headers=HEADERS,
            button_kinds=BUTTON_KINDS,
            bubble=None if record is None else _bubble_of(record, values_of(record.components, category="")),
        )

    async def _found(self, visit: Visit) -> TemplateRecord:
        template_id = visit.part("template_id")
        record = await visit.read(lambda tx: find_template_by_id(tx, visit.account_id, template_id))
        if record is None:
            raise not_found("template")
        return record

    def _sources(self, visit: Visit) -> list[Source]:
        return self._console.manage.directory.now.sources_of(visit.account_id)

    def _source_of_form(self, visit: Visit) -> Source:
        source = self._console.manage.directory.now.source_of(visit.account_id, visit.field("source_id") or None)
        if source is None:
            raise invalid("source", "is not there", hint="Choose one of the list, or connect a number first.")
        return source

    def _source_reaching(self, visit: Visit, record: TemplateRecord) -> Source:
        return source_reaching(self._console.manage.directory.now, visit.account_id, record)


def _bubble_of(record: TemplateRecord, values: Sequence[str]) -> Bubble:
    rendered = render_template(record.components, category=record.category, parameters=values, button_values={})
    return template_bubble(rendered, name=record.name, language=record.language)


def _shown(record: TemplateRecord) -> dict[str, Any]:
    return {
        "name": record.name,
        "language": record.language,
        "category": record.category.lower(),
        "status": record.status,
        "quality": record.quality.lower(),
        "rejected_reason": record.rejected_reason,
        "waba_id": record.waba_id,
        "changed_at_us": record.changed_at_us,
        "path": f"{PREFIX}/templates/{record.provider_id}",
    }


def _former_handle(components: Sequence[Mapping[str, Any]]) -> str:
    for part in components:
        example = part.get("example")
        handles = example.get("header_handle") if isinstance(example, Mapping) else None
        if isinstance(handles, list) and handles:
            return str(handles[0])
    return ""
