"""One conversation: what was said on both sides, what may be said now, and saying it."""

from dataclasses import dataclass
from typing import Any, Final

from starlette.datastructures import UploadFile
from starlette.responses import HTMLResponse, Response

from waypost.domain.consent import ConsentAction, ConsentEvidence
from waypost.domain.users import Role
from waypost.store.consents import ConsentWrite
from waypost.store.conversations import Chat, ChatFacts, describe_chat, find_chat
from waypost.store.message_facts import find_inbound
from waypost.store.paging import Page
from waypost.store.threads import ThreadEntry, page_thread
from waypost.store.transaction import Tx
from waypost.web.consenting import change_consents
from waypost.web.console.bubble_parts import Bubble
from waypost.web.console.bubbles import Stored, show_all
from waypost.web.console.context import Console
from waypost.web.console.conversations import WindowView, consent_words, views_of
from waypost.web.console.entries import entry_of
from waypost.web.console.outgoing import SENT_BEFORE, Outgoing, Refusal
from waypost.web.console.routing import ConsoleRoute, action, page
from waypost.web.console.template_picking import pick_template
from waypost.web.console.typed import Typed
from waypost.web.console.uploading import FORM_BYTES_MAX, Uploads
from waypost.web.console.visit import Visit, new_once
from waypost.web.manage.problems import invalid, not_found

PAGE_MESSAGES: Final = 40
_LIVE_MESSAGES_MAX: Final = 200
_ORIGIN: Final = "CONSOLE"
_QUOTE_CHARACTERS: Final = 140


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    """Whom a conversation is with, as its page shows them."""

    facts: ChatFacts
    name: str
    key: str
    is_group: bool
    windows: list[WindowView]
    consent: str
    tone: str

    def window_of(self, source_id: str) -> WindowView | None:
        return next((window for window in self.windows if window.source_id == source_id), None)


class ConversationPage:
    """One conversation; in its paths it goes by the id of any message in it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._outgoing = Outgoing(console)
        self._uploads = Uploads(console)

    def routes(self) -> list[ConsoleRoute]:
        """Return the routes."""
        path = "/conversations/{message_id}"
        return [
            page(path, self.show),
            page(f"{path}/head", self.head),
            page(f"{path}/thread", self.thread),
            page(f"{path}/older", self.older),
            action(f"{path}/reply", self.reply, Role.OPERATOR, bytes_max=FORM_BYTES_MAX),
            action(f"{path}/reply/form", self.fill_in, Role.OPERATOR, bytes_max=FORM_BYTES_MAX),
            action(f"{path}/reply/preview", self.preview, Role.OPERATOR),
            action(f"{path}/react", self.react, Role.OPERATOR),
            action(f"{path}/consent", self.consent, Role.OPERATOR),
        ]

    async def show(self, visit: Visit) -> Response:
        """Show the conversation, its newest messages first to be seen."""
        chat = await self._chat(visit)
        head = await self._head(visit, chat)
        values = await self._thread_values(visit, chat, cursor=visit.cursor)
        values |= await self._reply_values(visit, chat, head, Typed([("context", visit.query("quote"))]))
        return visit.page("conversation.html", head=head, message_id=visit.part("message_id"), **values)

    async def head(self, visit: Visit) -> Response:
        """Show who it is and what may be sent now, for a page that keeps itself up to date."""
        head = await self._head(visit, await self._chat(visit))
        return visit.fragment("conversation_head.html", head=head, message_id=visit.part("message_id"))

    async def thread(self, visit: Visit) -> Response:
        """Show the messages from the oldest on the page on, so that what came since is added."""
        chat = await self._chat(visit)
        values = await self._thread_values(visit, chat, since=visit.query("since"))
        return visit.fragment("conversation_thread.html", message_id=visit.part("message_id"), **values)

    async def older(self, visit: Visit) -> Response:
        """Show the messages before those on the page."""
        chat = await self._chat(visit)
        values = await self._thread_values(visit, chat, cursor=visit.cursor)
        return visit.page("conversation_older.html", message_id=visit.part("message_id"), **values)

    async def reply(self, visit: Visit) -> Response:
        """Send what was typed; refused, it is shown with the reason and nothing is lost."""
        chat = await self._chat(visit)
        typed = await self._typed(visit)
        entry = await self._entry(visit, chat, typed)
        kept = await self._outgoing.send(visit, entry)
        if isinstance(kept, Refusal):
            return await self._reply_page(visit, chat, typed, refused=kept)
        if not visit.is_htmx:
            return visit.redirect(f"/conversations/{kept.ids[0]}", notice=SENT_BEFORE if kept.is_replay else "")
        cleared = Typed([("source", typed.line("source")), ("type", typed.line("type"))])
        response = await self._reply_page(visit, chat, cleared, once=new_once())
        response.headers["hx-trigger-after-swap"] = '{"changed":null,"replied":null}'
        return response

    async def fill_in(self, visit: Visit) -> Response:
        """Show the reply box again as it was typed, for another source, template or state of the window."""
        chat = await self._chat(visit)
        return await self._reply_page(visit, chat, await self._typed(visit))

    async def preview(self, visit: Visit) -> Response:
        """Show what a template will look like with the values typed so far."""
        chat = await self._chat(visit)
        entry = await self._entry(visit, chat, Typed(visit.form.multi_items()))
        return visit.page("conversation_preview.html", look=await self._outgoing.look(visit, entry))

    async def react(self, visit: Visit) -> Response:
        """Put an emoji under a message, or take it back."""
        chat = await self._chat(visit)
        typed = Typed(visit.form.multi_items()).replaced({"type": "reaction", "r_emoji": visit.field("emoji")})
        kept = await self._outgoing.send(visit, await self._entry(visit, chat, typed))
        if isinstance(kept, Refusal):
            raise invalid(kept.code, kept.text, hint=f"{kept.what} {kept.next}".strip())
        if not visit.is_htmx:
            return visit.redirect(f"/conversations/{visit.part('message_id')}")
        # A new token: the same emoji once more, after another, is another message.
        return HTMLResponse(
            f'<input type="hidden" name="once" value="{new_once()}">', headers={"hx-trigger": "changed"}
        )

    async def consent(self, visit: Visit) -> Response:
        """Record that the person agrees to get messages, or does not."""
        chat, manage = await self._chat(visit), self._console.manage
        if chat.is_group:
            raise invalid("action", "a group has no consent", hint="Consent is each person's own.")
        wanted = ConsentAction(visit.choice("action", (ConsentAction.OPTIN.value, ConsentAction.OPTOUT.value)))
        editor = visit.editor
        write = ConsentWrite(
            account_id=visit.account_id,
            action=wanted,
            evidence=(ConsentEvidence(recipient=chat.key, source=_ORIGIN),),
            now_us=manage.clock.now_us(),
        )

        def record(tx: Tx) -> None:
            change_consents(tx, manage.directory.now, manage.ids, [write])
            editor.note(
                tx, account_id=visit.account_id, action=f"consent.{wanted.value}", target=visit.part("message_id")
            )

        await visit.change(record)
        manage.notify_now()
        said = "opted in" if wanted is ConsentAction.OPTIN else "opted out"
        return visit.redirect(f"/conversations/{visit.part('message_id')}", notice=f"This person is {said} now.")

    async def _chat(self, visit: Visit) -> Chat:
        message_id = visit.part("message_id")
        chat = await visit.read(lambda tx: find_chat(tx, visit.account_id, message_id))
        if chat is None or not chat.key:
            raise not_found("conversation")
        return chat

    async def _head(self, visit: Visit, chat: Chat) -> _Head:
        facts = await visit.read(lambda tx: describe_chat(tx, visit.account_id, chat))
        consent, tone = consent_words(facts.consent)
        return _Head(
            facts=facts,
            name=facts.group_subject if chat.is_group else facts.profile_name,
            key=chat.key,
            is_group=chat.is_group,
            windows=views_of(self._console, facts.windows),
            consent=consent,
            tone=tone,
        )

    async def _thread_values(
        self, visit: Visit, chat: Chat, *, cursor: str | None = None, since: str = ""
    ) -> dict[str, Any]:
        """Return messages, oldest first: a page back from ``cursor``, or all from ``since`` on, within bounds."""
        at_most = _LIVE_MESSAGES_MAX if since else PAGE_MESSAGES
        sources = self._console.manage.directory.now.sources

        def read(tx: Tx) -> tuple[Page[ThreadEntry], list[ThreadEntry], list[Bubble]]:
            found = page_thread(tx, visit.account_id, chat, cursor=cursor, at_most=at_most)
            entries = [entry for entry in reversed(found.rows) if entry.id >= since]
            stored = [Stored.of(entry) for entry in entries]
            return found, entries, show_all(tx, visit.account_id, stored, sources=sources)

        found, entries, bubbles = await visit.read(read)
        said: dict[str, str] = {}
        for entry in entries:
            for name in filter(None, (entry.id, entry.provider_id)):
                said[name] = (entry.text or entry.kind)[:_QUOTE_CHARACTERS]
        oldest = entries[0].id if entries else ""
        return {
            "bubbles_shown": bubbles,
            "said": said,
            "since": since or oldest,
            "older_cursor": found.next_cursor,
            "is_group": chat.is_group,
            "is_newest": not cursor,
        }

    async def _typed(self, visit: Visit) -> Typed:
        typed = Typed(visit.form.multi_items())
        kept = {
            field: await self._uploads.keep(visit, slot)
            for slot, field in (("m_file", "m_id"), ("t_file", "t_media_id"))
            if isinstance(found := visit.form.get(slot), UploadFile) and found.filename and not typed.line(field)
        }
        return typed.replaced(kept)

    async def _entry(self, visit: Visit, chat: Chat, typed: Typed) -> dict[str, Any]:
        """Return the entry of a reply: whom it is to and what it quotes are known here, not to the form."""
        names = {"context": typed.line("context"), "r_message_id": typed.line("r_message_id")}

        def provider_id(tx: Tx, message_id: str) -> str:
            inbound = find_inbound(tx, visit.account_id, message_id) if message_id else None
            return message_id if inbound is None else inbound.provider_id

        known = await visit.read(lambda tx: {name: provider_id(tx, value) for name, value in names.items()})
        return entry_of(
            typed.replaced(
                {"to": chat.key, "group": chat.key, "recipient_type": "group" if chat.is_group else "individual"}
                | known
            )
        )

    async def _reply_page(
        self, visit: Visit, chat: Chat, typed: Typed, *, refused: Refusal | None = None, **more: Any
    ) -> Response:
        head = await self._head(visit, chat)
        values = more | await self._reply_values(visit, chat, head, typed, refused=refused)
        message_id = visit.part("message_id")
        if visit.is_htmx:
            return visit.page("conversation_reply.html", head=head, message_id=message_id, **values)
        values |= await self._thread_values(visit, chat)
        status = 200 if refused is None else 422
        return visit.page("conversation.html", status=status, head=head, message_id=message_id, **values)

    async def _reply_values(
        self, visit: Visit, chat: Chat, head: _Head, typed: Typed, *, refused: Refusal | None = None
    ) -> dict[str, Any]:
        snapshot = self._console.manage.directory.now
        own = snapshot.sources_of(visit.account_id)
        last = snapshot.source_of(visit.account_id, head.facts.last_source_id)
        source = snapshot.source_of(visit.account_id, typed.line("source") or None) if typed.line("source") else last
        source = source or last or (own[0] if own else None)
        source_id = "" if source is None else source.id
        window = head.window_of(source_id)
        is_open = chat.is_group or (window is not None and window.is_open)
        chosen = typed.line("type", "text")
        if typed.line("closed") and not typed.line("t_template"):
            # The window has opened meanwhile: there was no choice before, so nothing was chosen.
            chosen = "text"
        typed = typed.replaced({"source": source_id, "type": chosen if is_open else "template"})
        picked = await visit.read(
            lambda tx: pick_template(
                tx, visit.account_id, typed, prefix="t_", waba_id="" if source is None else source.waba_id
            )
        )
        look = None
        if typed.line("t_template"):
            look = await self._outgoing.look(visit, await self._entry(visit, chat, typed))
        return {
            "typed": typed,
            "own_sources": [(one.id, one.name) for one in own],
            "is_open": is_open,
            "window": window,
            "picked": picked,
            "look": look,
            "refused": refused,
            "files": {"m_id": None, "t_media_id": None},
            "slots": {"m_id": "m_file", "t_media_id": "t_file"},
        }
