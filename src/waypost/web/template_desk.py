"""
Templates made, changed and deleted: first at the provider, then in the mirror, so that the copy follows at once.

Between the two a process may die; the next sync of the list repairs the copy. Used by both APIs and by the command
line, so that all keep the same rules.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from waypost.observe import get_logger
from waypost.ports import Clock
from waypost.providers.cloud_api.calls import CallFailure, CallFailureKind, GraphCalls
from waypost.providers.cloud_api.template_calls import (
    create_template,
    delete_template,
    edit_template,
    fetch_template,
    upload_sample,
)
from waypost.store.directory import Source
from waypost.store.template_reading import TemplateRecord
from waypost.store.template_writing import keep_template, remove_template
from waypost.store.transaction import Tx
from waypost.web.manage.editing import Editor

Result = TypeVar("Result")

_logger = get_logger("templates")


class Store(Protocol):
    """Where the mirror is: the gateway's database, or a command's."""

    async def write(self, operation: Callable[[Tx], Result], *, account_id: str | None) -> Result:
        """Run one operation in a transaction; it is durable when this returns, and undone if it raises."""
        ...


class TemplateDesk:
    """Changes templates with the token of the source given; each change has its entry in the audit log."""

    def __init__(self, store: Store, calls: GraphCalls, *, clock: Clock) -> None:
        self._store = store
        self._calls = calls
        self._clock = clock

    async def create(
        self, editor: Editor, source: Source, definition: Mapping[str, Any]
    ) -> TemplateRecord | CallFailure:
        """Hand a template in for review; ``definition`` is upstream's, with name, language and components."""
        made = await create_template(self._calls, source.identity, waba_id=source.waba_id, definition=definition)
        if isinstance(made, CallFailure):
            return self._failed(made, source, "create")
        record = TemplateRecord(
            waba_id=source.waba_id,
            name=definition["name"],
            language=definition["language"],
            provider_id=made.provider_id,
            category=made.category.upper(),
            status=made.status.upper(),
            quality="",
            rejected_reason="",
            components=list(definition["components"]),
            changed_at_us=self._clock.now_us(),
        )
        await self._keep(editor, source, record, action="template.create")
        return record

    async def edit(
        self, editor: Editor, source: Source, record: TemplateRecord, changes: Mapping[str, Any]
    ) -> TemplateRecord | CallFailure:
        """Change ``category`` or ``components``; what the provider makes of it is what is kept and returned."""
        failure = await edit_template(
            self._calls, source.identity, provider_id=record.provider_id, changes=dict(changes)
        )
        if failure is not None:
            return self._failed(failure, source, "change")
        found = await fetch_template(self._calls, source.identity, provider_id=record.provider_id)
        # A change is reviewed; where the provider does not say how far it is, that is what is known.
        told = {} if isinstance(found, CallFailure) else found
        after = TemplateRecord(
            waba_id=record.waba_id,
            name=record.name,
            language=record.language,
            provider_id=record.provider_id,
            category=str(told.get("category") or changes.get("category") or record.category).upper(),
            status=str(told.get("status") or "PENDING").upper(),
            quality=record.quality,
            rejected_reason="",
            components=list(changes.get("components") or record.components),
            changed_at_us=self._clock.now_us(),
        )
        await self._keep(editor, source, after, action="template.change")
        return after

    async def delete(
        self, editor: Editor, source: Source, records: Sequence[TemplateRecord], *, is_every_language: bool
    ) -> CallFailure | None:
        """Delete these, which have one name; ``is_every_language`` deletes what else has it at the provider too."""
        name = records[0].name
        for provider_id in [None] if is_every_language else [record.provider_id for record in records]:
            failure = await delete_template(
                self._calls, source.identity, waba_id=source.waba_id, name=name, provider_id=provider_id
            )
            # One that is gone at the provider is to be gone here.
            if failure is not None and failure.kind is not CallFailureKind.NOT_FOUND:
                return self._failed(failure, source, "delete")

        def forget(tx: Tx) -> None:
            for record in records:
                remove_template(
                    tx,
                    source.account_id,
                    waba_id=record.waba_id,
                    name=record.name,
                    language=record.language,
                    now_us=self._clock.now_us(),
                )
                editor.note(
                    tx, account_id=source.account_id, action="template.delete", target=f"{name}/{record.language}"
                )

        await self._store.write(forget, account_id=source.account_id)
        return None

    async def upload_sample(self, source: Source, *, data: bytes, mime_type: str, filename: str) -> str | CallFailure:
        """Upload a file that shows reviewers what a header will hold; return its handle."""
        handle = await upload_sample(self._calls, source.identity, data=data, mime_type=mime_type, filename=filename)
        return self._failed(handle, source, "sample") if isinstance(handle, CallFailure) else handle

    async def _keep(self, editor: Editor, source: Source, record: TemplateRecord, *, action: str) -> None:
        def keep(tx: Tx) -> None:
            keep_template(tx, source.account_id, record)
            editor.note(tx, account_id=source.account_id, action=action, target=f"{record.name}/{record.language}")

        await self._store.write(keep, account_id=source.account_id)

    def _failed(self, failure: CallFailure, source: Source, change: str) -> CallFailure:
        _logger.info(
            "template.refused",
            account_id=source.account_id,
            source_id=source.id,
            change=change,
            kind=failure.kind.value,
            member=failure.member,
            provider_code=failure.provider_code,
            detail=failure.detail,
        )
        return failure
