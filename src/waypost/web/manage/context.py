"""What the manage API is built from, and who calls it."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TypeVar

from waypost.outbound.guard import OutboundPolicy
from waypost.ports import Clock, IdFactory
from waypost.providers.cloud_api.calls import GraphCalls
from waypost.settings import Settings
from waypost.store.claiming import LaneKey
from waypost.store.directory import Directory
from waypost.store.engine import Database
from waypost.store.sealing import Sealer
from waypost.store.transaction import Tx
from waypost.web.auth import Authenticator, Principal
from waypost.web.manage.editing import Editor
from waypost.web.manage.export_places import ExportPlaces

Result = TypeVar("Result")


def do_nothing() -> None:
    """Wake nobody: work is found by polling all the same, within a second."""


def tell_nobody(_lanes: Collection[LaneKey]) -> None:
    """Leave lanes to their owner: what waits in them asks for itself within a minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManageContext:
    """
    Everything the manage API needs, passed in by whoever builds the process.

    ``notify_now``, ``dispatch_now`` and ``feed_now`` are called after a change that gives the notifier, the dispatcher
    or the feeder of bulk sends work;
    ``lanes_ended`` with the lanes of messages that were ended before they were sent.
    ``exports`` are the places for exports, of which only so many run at once.
    """

    database: Database
    directory: Directory
    sealer: Sealer
    authenticator: Authenticator
    settings: Settings
    clock: Clock
    ids: IdFactory
    calls: GraphCalls
    exports: ExportPlaces
    notify_now: Callable[[], None] = do_nothing
    dispatch_now: Callable[[], None] = do_nothing
    feed_now: Callable[[], None] = do_nothing
    lanes_ended: Callable[[Collection[LaneKey]], None] = tell_nobody

    @property
    def webhook_policy(self) -> OutboundPolicy:
        """Where webhooks may be sent to."""
        return webhook_policy(self.settings)

    async def read(self, operation: Callable[[Tx], Result], *, account_id: str | None) -> Result:
        """
        Run a read for an account, None only for what an operator asks over all of them.

        Raises ``StoreUnavailableError``.
        """
        return await self.database.read(operation, account_id=account_id)

    async def change(self, operation: Callable[[Tx], Result], *, account_id: str | None) -> Result:
        """
        Run a change for an account in a transaction; when this returns it is durable and this node knows of it.

        ``account_id`` is None only for what an operator does beyond any one account.
        """
        result = await self.database.write(operation, account_id=account_id)
        await self.directory.refresh()
        return result


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """
    Who calls, and for which account.

    ``account_id`` is the key's own account, or the one an operator names in the header ``Waypost-Account``.
    """

    principal: Principal
    account_id: str
    editor: Editor


def webhook_policy(settings: Settings) -> OutboundPolicy:
    """Return where webhooks may be sent to under these settings."""
    return OutboundPolicy(allow_http=settings.allow_http_urls, allowed_networks=settings.allowed_networks)
