"""What the dispatcher asks of the media package, in the dispatcher's terms: the verbs do not know each other."""

from waypost.dispatch.media_wait import MediaTrouble
from waypost.domain.message import MediaKind
from waypost.media.failures import MediaFailure
from waypost.media.supplier import Supplier
from waypost.store.directory import Source


class MediaSupply:
    """The dispatcher's ``MediaSupplier`` over the ``Supplier``."""

    def __init__(self, supplier: Supplier) -> None:
        self._supplier = supplier

    async def supply(
        self, source: Source, *, account_id: str, media_key: str, url: str | None, kind: MediaKind | None
    ) -> MediaTrouble | None:
        """See ``MediaSupplier``."""
        end = await self._supplier.ensure(
            source, account_id=account_id, media_key=media_key, attachment_url=url, kind=kind
        )
        if isinstance(end, MediaFailure):
            return MediaTrouble(reason=end.reason, retry_after_seconds=end.retry_after_seconds)
        return None
