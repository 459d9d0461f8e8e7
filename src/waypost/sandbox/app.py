"""The sandbox put together: state, Graph API, webhooks, control API, one ASGI application."""

import asyncio
import contextlib
import gc
import re
from collections.abc import Iterator
from typing import Any

from waypost.sandbox.control import build_control
from waypost.sandbox.delivery import Delivery
from waypost.sandbox.faults import Faults
from waypost.sandbox.graph.errors import no_such_object
from waypost.sandbox.graph.faulty import FaultPlayer
from waypost.sandbox.graph.groups import GroupEndpoints
from waypost.sandbox.graph.links import LinkFetcher
from waypost.sandbox.graph.media import DOWNLOAD_PATH, MediaEndpoints
from waypost.sandbox.graph.messages import MessagesEndpoint
from waypost.sandbox.graph.objects import ObjectEndpoints
from waypost.sandbox.graph.router import GraphRouter
from waypost.sandbox.graph.templates import Template, Templates
from waypost.sandbox.graph.uploads import Uploads
from waypost.sandbox.groups import Groups
from waypost.sandbox.inspector import Inspector
from waypost.sandbox.journal import Journal
from waypost.sandbox.ledger import Ledger
from waypost.sandbox.limits import TokenBuckets
from waypost.sandbox.media_store import MediaStore
from waypost.sandbox.network import Network
from waypost.sandbox.origin import is_foreign, refuse_foreign
from waypost.sandbox.settings import SandboxSettings
from waypost.sandbox.tasks import BackgroundWork
from waypost.sandbox.wire import Receive, Scope, Send

_READING = ("GET", "HEAD", "OPTIONS")
_BASE_URL = "waypost.sandbox.base_url"
_VERSION = re.compile(r"v\d{1,3}\.\d{1,2}")


class Sandbox:
    """Meta and the phones, as one ASGI application.

    All state is in memory; with a data directory it is read back from there when built and each change is appended,
    so that it survives kill -9. Between `start` and `stop` webhooks are posted; outside of that they wait.
    """

    def __init__(self, settings: SandboxSettings, inspector: Inspector | None = None) -> None:
        self.settings = settings
        self.inspector = inspector
        self.base_url = settings.base_url
        self.closing = asyncio.Event()
        self.work = BackgroundWork()
        data_dir = settings.data_dir
        self.journal = Journal(None if data_dir is None else data_dir / "network.jsonl")
        self.network = Network(self.journal, default_rate=settings.number_rate, window_seconds=settings.window_seconds)
        self.media = MediaStore(self.journal, data_dir, url_seconds=settings.media_url_seconds)
        self.ledger = Ledger(data_dir)
        self.faults = Faults()
        self.templates = Templates(self.journal, name_block_seconds=settings.template_name_block_seconds)
        self.templates.review = self._review
        self.delivery = Delivery(
            settings=settings,
            network=self.network,
            ledger=self.ledger,
            journal=self.journal,
            faults=self.faults,
            work=self.work,
        )
        self.groups = Groups(network=self.network, journal=self.journal, tell=self.delivery.tell_field)
        self.network.members_of = self.groups.members_of
        groups = GroupEndpoints(groups=self.groups, network=self.network, templates=self.templates, work=self.work)
        self.links = LinkFetcher(settings=settings, media=self.media, journal=self.journal, work=self.work)
        player = FaultPlayer(self.faults, self.closing)
        self.messages = MessagesEndpoint(
            network=self.network,
            ledger=self.ledger,
            media=self.media,
            templates=self.templates,
            delivery=self.delivery,
            faults=self.faults,
            player=player,
            links=self.links,
            groups=groups,
            pairs=TokenBuckets(interval_seconds=settings.pair_interval_seconds, burst=settings.pair_burst),
        )
        self.media_endpoints = MediaEndpoints(network=self.network, media=self.media)
        objects = ObjectEndpoints(network=self.network, templates=self.templates, app_id=settings.app_id)
        self._graph = GraphRouter(
            network=self.network,
            templates=self.templates,
            media=self.media_endpoints,
            objects=objects,
            groups=groups,
            uploads=Uploads(app_id=settings.app_id),
            player=player,
        )
        self._player = player
        self._control = build_control(self)
        with _collector_paused():
            self._load()

    def reached_at(self, url: str) -> None:
        """Take the address the server was bound to, unless the settings name one."""
        if not self.settings.base_url:
            self.base_url = url

    async def start(self) -> None:
        """Begin to post webhooks, first of all what was left over; a second call does nothing."""
        if self.work.is_running:
            return
        self.closing.clear()
        await self.work.start()
        await self.links.start()
        await self.delivery.callbacks.start()
        for entry in list(self.ledger.by_wamid.values()):
            if not entry.plan:
                self.messages.fetch_link(entry)
        for template in self.templates.pending():
            self._review(template)
        self.delivery.resume()

    async def stop(self) -> None:
        """End all background work and close the files; tolerated before `start` and twice."""
        self.closing.set()
        await self.work.stop()
        await self.links.stop()
        await self.delivery.callbacks.stop()
        self.journal.close()
        self.ledger.close()
        if self.inspector is not None:
            self.inspector.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        path: str = scope["path"]
        root: str = scope.get("root_path", "")
        if root and path.startswith(root):
            path = path[len(root) :]
        if path.startswith("/sandbox"):
            if (scope["method"] not in _READING or path.endswith("/live")) and is_foreign(scope, self.base_url):
                await refuse_foreign(scope, receive, send)
                return
            await self._control(self._below(scope, path), receive, send)
            return
        segments = path.strip("/").split("/")
        if _VERSION.fullmatch(segments[0]):
            del segments[0]
        if scope["method"] == "POST" and len(segments) == 2 and segments[1] == "messages":
            await self.messages(scope, receive, send, segments[0])
        elif self.inspector is not None and segments[:1] == ["inspector"]:
            await self.inspector(self._below(scope, path), receive, send)
        elif path == DOWNLOAD_PATH:
            await self.media_endpoints.download(scope, receive, send)
        elif segments and segments[0]:
            await self._graph(scope, receive, send, segments=tuple(segments), base_url=self.base_url_of(scope))
        else:
            await self._player.send_error(send, no_such_object("", scope["method"]))

    def _below(self, scope: Scope, path: str) -> Scope:
        """Return the scope for an application whose routes are written without our own root path."""
        return dict(scope, path=path, root_path="", **{_BASE_URL: self.base_url_of(scope)})

    def base_url_of(self, scope: Scope) -> str:
        """Return the address for URLs in an answer: the set one, else the one this request came to."""
        if _BASE_URL in scope:
            return str(scope[_BASE_URL])
        if self.base_url:
            return self.base_url
        host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "localhost")
        return f"{scope.get('scheme', 'http')}://{host}{scope.get('root_path', '')}"

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await self.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})

    def _review(self, template: Template) -> None:
        self.work.call_later(self.settings.template_review_seconds, lambda: self._approve(template))

    def _approve(self, template: Template) -> None:
        if template.status == "PENDING" and self.templates.find(template.template_id) is template:
            self.set_template_status(template, "APPROVED", "NONE")

    def set_template_status(self, template: Template, status: str, reason: str) -> None:
        """Change a template's status and tell it by webhook."""
        self.templates.set_status(template, status, reason)
        self._tell_of(template, "message_template_status_update", template.event())

    def set_template_quality(self, template: Template, quality: str) -> None:
        """Change what users think of a template and tell it by webhook."""
        scores = {"previous_quality_score": template.quality, "new_quality_score": quality}
        self.templates.set_quality(template, quality)
        self._tell_of(template, "message_template_quality_update", {**scores, **template.naming()})

    def set_template_category(self, template: Template, category: str) -> None:
        """Move a template to another category and tell it by webhook."""
        categories = {"previous_category": template.category, "new_category": category}
        self.templates.set_category(template, category)
        self._tell_of(template, "template_category_update", {**categories, **template.naming()})

    def _tell_of(self, template: Template, field: str, value: dict[str, Any]) -> None:
        number = next((n for n in self.network.numbers.values() if n.waba_id == template.waba_id), None)
        if number is not None:
            self.delivery.tell_field(number, field, value)

    def _load(self) -> None:
        """Read the past back: acceptances first, since the journal's lines are about them."""
        for _ in self.ledger.load():
            pass
        for record in self.journal.replay():
            for owner in (self.delivery, self.media, self.templates, self.links, self.groups):
                owner.replay(record)
            self.network.replay(record)
        for entry in self.ledger.by_wamid.values():
            for number in self.delivery.receipts.members_of(entry.wamid) if entry.is_group else (entry.to,):
                self.network.phone(number).thread.append(entry)
        for phone in self.network.phones.values():
            phone.thread.sort(key=_moment)


@contextlib.contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep the cycle collector from walking what is being read back, which only grows: a third of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _moment(entry: Any) -> int:
    moment: int = entry.arrival_us if hasattr(entry, "arrival_us") else entry.at_us
    return moment


def build_sandbox(settings: SandboxSettings, *, inspector: Inspector | None = None) -> Sandbox:
    """Build a sandbox from its settings, reading back `data_dir` if there is one.

    Args:
        settings: see `SandboxSettings`.
        inspector: served under `/inspector/` by the sandbox too, and closed with it.

    Raises:
        OSError: the data directory cannot be read.

    """
    return Sandbox(settings, inspector)
