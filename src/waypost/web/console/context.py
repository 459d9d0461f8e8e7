"""What the console is built from."""

from dataclasses import dataclass

from waypost.accept.acceptor import Acceptor
from waypost.blobs import ObjectBlobStore
from waypost.media.collector import Collector
from waypost.observe import Metrics
from waypost.outbound.http import HttpClient
from waypost.web.api_v2.sending import SendDesk
from waypost.web.console.live import LiveHub
from waypost.web.console.rendering import Renderer
from waypost.web.manage.context import ManageContext
from waypost.web.passwords import PasswordChecks

PREFIX = "/console"


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """
    Everything the console's pages need.

    ``manage`` is the manage API's context: pages read and change through it, with the same rules. ``token_key`` is the
    installation's own key, from which the first-run code comes. ``upstream`` is the client of the provider's own hosts,
    and of the sandbox.
    """

    manage: ManageContext
    acceptor: Acceptor
    send_desk: SendDesk
    blobs: ObjectBlobStore
    collector: Collector
    metrics: Metrics
    token_key: bytes
    passwords: PasswordChecks
    live: LiveHub
    renderer: Renderer
    upstream: HttpClient

    @property
    def is_secure(self) -> bool:
        """Whether browsers come by https: cookies then go no other way."""
        return self.manage.settings.base_url.startswith("https:")
