"""Compose: any message there is, typed into a form, looked at, sent; and the same as a request to copy."""

from typing import Any, Final

from starlette.datastructures import UploadFile
from starlette.responses import Response

from waypost.domain.users import Role
from waypost.store.groups import GroupRecord, list_groups
from waypost.store.media import find_asset
from waypost.store.transaction import Tx
from waypost.web.console.bubble_parts import BubbleFile
from waypost.web.console.context import Console
from waypost.web.console.entries import CONTACTS_MAX, KINDS, entry_of
from waypost.web.console.interactive_entries import CARDS_MAX, CARDS_MIN, INTERACTIVE_KINDS, ROWS_MAX
from waypost.web.console.outgoing import SENT_BEFORE, Look, Outgoing, Refusal
from waypost.web.console.routing import ConsoleRoute, action, page
from waypost.web.console.snippets import snippets_of
from waypost.web.console.template_picking import TemplateChoice, pick_template
from waypost.web.console.typed import Typed
from waypost.web.console.uploading import FORM_BYTES_MAX, Uploads
from waypost.web.console.visit import Visit
from waypost.web.manage.problems import invalid

FILE_SLOTS: Final = {"m_file": "m_id", "t_file": "t_media_id", "f_file": "f_media_id"}
"""Where a file can be chosen, and the field that then holds its media id."""
_GROUPS_MAX: Final = 200
_FROM_LINKS: Final = frozenset({"type", "interactive", "source", "t_template", "context", "r_message_id", "m_id"})
"""What a link to this page may fill in: nothing that could be a number or what somebody wrote."""


class ComposePage:
    """The form, its preview, and sending."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._outgoing = Outgoing(console)
        self._uploads = Uploads(console)

    def routes(self) -> list[ConsoleRoute]:
        """Return the routes."""
        return [
            page("/compose", self.show, Role.OPERATOR),
            action("/compose", self.send, Role.OPERATOR, bytes_max=FORM_BYTES_MAX),
            action("/compose/form", self.fill_in, Role.OPERATOR, bytes_max=FORM_BYTES_MAX),
            action("/compose/preview", self.preview, Role.OPERATOR),
            action("/compose/files", self.upload, Role.OPERATOR, bytes_max=FORM_BYTES_MAX),
        ]

    async def show(self, visit: Visit) -> Response:
        """Show the form, empty but for what a link to it has filled in."""
        query = visit.request.query_params.multi_items()
        typed = Typed([pair for pair in query if pair[0] in _FROM_LINKS])
        default = self._console.manage.directory.now.source_of(visit.account_id, None)
        if default is not None and not typed.line("source"):
            # All types but texts must name it.
            typed = typed.replaced({"source": default.id})
        return await self._page(visit, typed)

    async def fill_in(self, visit: Visit) -> Response:
        """Show the form again as it was typed, with the fields of the template chosen, or with one row more."""
        return await self._page(visit, await self._typed(visit))

    async def send(self, visit: Visit) -> Response:
        """Send what was typed; what is refused is shown beside the form with everything still in it."""
        typed = await self._typed(visit)
        kept = await self._outgoing.send(visit, entry_of(typed), is_urgent=typed.is_checked("is_urgent"))
        if isinstance(kept, Refusal):
            return await self._page(visit, typed, refused=kept)
        notice = SENT_BEFORE if kept.is_replay else "The message is accepted."
        return visit.redirect(f"/messages/{kept.ids[0]}", notice=notice)

    async def preview(self, visit: Visit) -> Response:
        """Show what was typed so far as a bubble and as requests."""
        typed = Typed(visit.form.multi_items())
        entry = entry_of(typed)
        look = await self._outgoing.look(visit, entry)
        return visit.page("compose_preview.html", **self._seen(typed, look))

    async def upload(self, visit: Visit) -> Response:
        """Keep a file that was chosen, and show the field with its id."""
        slot = next((slot for slot in FILE_SLOTS if _is_chosen(visit, slot)), None)
        if slot is None:
            raise invalid("file", "no file was chosen", hint="Choose a file first.")
        media_id = await self._uploads.keep(visit, slot)
        response = visit.page(
            "compose_file.html", slot=slot, field=FILE_SLOTS[slot], value=media_id, file=await _file(visit, media_id)
        )
        response.headers["hx-trigger-after-swap"] = "composed"
        return response

    async def _typed(self, visit: Visit) -> Typed:
        """Return what was typed; files that were chosen without a script are kept now, and stand by their ids."""
        typed = Typed(visit.form.multi_items())
        kept = {
            field: await self._uploads.keep(visit, slot)
            for slot, field in FILE_SLOTS.items()
            if _is_chosen(visit, slot) and not typed.line(field)
        }
        return typed.replaced(kept)

    async def _page(self, visit: Visit, typed: Typed, *, refused: Refusal | None = None) -> Response:
        template = "compose_form.html" if visit.is_htmx else "compose.html"
        look = await self._outgoing.look(visit, entry_of(typed))
        picking = await self._picking(visit, typed)
        files = {field: await _file(visit, typed.line(field)) for field in FILE_SLOTS.values()}
        response = visit.page(
            template,
            status=200 if refused is None else 422,
            typed=typed,
            kinds=KINDS,
            interactive_kinds=INTERACTIVE_KINDS,
            refused=refused,
            rows_max=ROWS_MAX,
            contacts=typed.count("k_name", at_least=1, at_most=CONTACTS_MAX),
            contacts_max=CONTACTS_MAX,
            cards=typed.count("c_body", at_least=CARDS_MIN, at_most=CARDS_MAX),
            cards_max=CARDS_MAX,
            files=files,
            slots={field: slot for slot, field in FILE_SLOTS.items()},
            **picking,
            **self._seen(typed, look),
        )
        if visit.is_htmx:
            response.headers["hx-trigger-after-settle"] = "composed"
        return response

    async def _picking(self, visit: Visit, typed: Typed) -> dict[str, Any]:
        snapshot = self._console.manage.directory.now
        own = snapshot.sources_of(visit.account_id)
        source = snapshot.source_of(visit.account_id, typed.line("source") or None)
        waba_id = "" if source is None else source.waba_id

        def read(tx: Tx) -> tuple[TemplateChoice, TemplateChoice, list[GroupRecord]]:
            return (
                pick_template(tx, visit.account_id, typed, prefix="t_", waba_id=waba_id),
                pick_template(tx, visit.account_id, typed, prefix="f_", waba_id=waba_id),
                list_groups(tx, visit.account_id, at_most=_GROUPS_MAX),
            )

        template, fallback, groups = await visit.read(read)
        names = [(source.id, f"{source.name} · {visit.number(source.phone_number)}") for source in own]
        default = snapshot.source_of(visit.account_id, None)
        return {
            "sources": [*names, ("", "Not named: the default, for texts" if default is not None else "Not named")],
            "has_source": bool(own),
            "picked": template,
            "fallback": fallback,
            "groups": [(group.id, group.subject or group.id) for group in groups if group.has_id],
        }

    def _seen(self, typed: Typed, look: Look) -> dict[str, Any]:
        base_url = self._console.manage.settings.base_url
        snippets = snippets_of(entry_of(typed), base_url=base_url, is_urgent=typed.is_checked("is_urgent"))
        return {"look": look, "snippets": snippets}


def _is_chosen(visit: Visit, slot: str) -> bool:
    found = visit.form.get(slot)
    return isinstance(found, UploadFile) and bool(found.filename)


async def _file(visit: Visit, media_id: str) -> BubbleFile | None:
    """Return a file of the account for the form to show."""
    asset = await visit.read(lambda tx: find_asset(tx, visit.account_id, media_id)) if media_id else None
    if asset is None:
        return None
    return BubbleFile(
        kind=asset.kind or "document", media_id=asset.id, name=asset.filename or "", size_bytes=asset.size_bytes
    )
