"""One attempt: the claim as the provider's request, and how it ended. Never raises for what a provider can do."""

import time
from dataclasses import replace
from typing import Protocol

from waypost.dispatch.round import Claim
from waypost.domain.errors import FailureReason, SendFailure, SendFailureKind
from waypost.domain.links import LinkTracker
from waypost.domain.message import MediaKind, MessageKind, Reaction, RecipientType
from waypost.domain.token import make_token
from waypost.observe import get_logger
from waypost.ports import Accepted, OutboundRequest, Provider
from waypost.store.content import decode_content
from waypost.store.directory import Source


class AttemptObserver(Protocol):
    """Told of every end; for metrics."""

    def ended(self, *, outcome: str, seconds: float) -> None: ...


class Sender:
    """
    Hands claimed messages to the provider.

    ``token_key`` is the install's, for the token of each attempt; ``links`` tracks links, None: they stay as they are.
    """

    def __init__(
        self, provider: Provider, observer: AttemptObserver, *, token_key: bytes, links: LinkTracker | None = None
    ) -> None:
        self._links = links
        self._provider = provider
        self._observer = observer
        self._token_key = token_key
        self._log = get_logger("dispatch")

    async def send(self, source: Source, claim: Claim) -> Accepted | SendFailure:
        """Make the one request of this attempt; a defect of ours counts as in doubt once it may have arrived."""
        started = time.perf_counter()
        end: Accepted | SendFailure
        kind_of_defect = SendFailureKind.REJECTED
        try:
            request = self._request(claim)
            kind_of_defect = SendFailureKind.IN_DOUBT
            end = await self._provider.send(source.identity, request)
        except Exception as error:  # noqa: BLE001 - a defect must not lose track of an attempt that may have arrived
            self._log.exception("dispatch.defect", message_id=claim.candidate.id)
            end = SendFailure(
                kind=kind_of_defect,
                reason=FailureReason.TECHNICAL_ERROR,
                detail=f"defect: {type(error).__name__}",
            )
        self._observer.ended(
            outcome="accepted" if isinstance(end, Accepted) else end.kind.value,
            seconds=time.perf_counter() - started,
        )
        return end

    def _request(self, claim: Claim) -> OutboundRequest:
        candidate = claim.candidate
        content = decode_content(MessageKind(candidate.kind), candidate.content)
        if candidate.track_links and self._links is not None:
            content = self._links.track(content, candidate.id, claim.template_shape)
        context_wamid = claim.context_wamid
        if isinstance(content, Reaction) and context_wamid is not None:
            # A reaction names its message inside, by the provider's id; it quotes nothing.
            content, context_wamid = replace(content, message_id=context_wamid), None
        return OutboundRequest(
            recipient=candidate.recipient,
            recipient_type=RecipientType.GROUP if candidate.is_group else RecipientType.INDIVIDUAL,
            content=content,
            token=make_token(
                self._token_key,
                account_id=candidate.account_id,
                message_id=candidate.id,
                number=claim.number,
            ),
            context_provider_id=context_wamid,
            provider_media_id=claim.media.provider_media_id if claim.media else None,
            media_kind=MediaKind(claim.media.kind) if claim.media else None,
            filename=claim.media.filename if claim.media else None,
            template_shape=claim.template_shape,
        )
