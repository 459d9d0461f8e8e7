"""The conversation window: the time in which free-form content may be sent to a recipient from one source."""

from typing import Final

from waypost.domain.message import MessageKind

SERVICE_WINDOW_SECONDS: Final = 24 * 3600
"""After each inbound message (Cloud API documentation, send messages, Sep 2026)."""

FREE_ENTRY_POINT_WINDOW_SECONDS: Final = 72 * 3600
"""After an inbound message that came from a click-to-WhatsApp ad (Cloud API documentation, pricing, Sep 2026)."""

WINDOW_MARGIN_SECONDS: Final = 60
"""How long before its end a window counts as closed for a start, so that a slow request does not arrive too late."""


def window_end_us(*, inbound_at_us: int, has_referral: bool) -> int:
    """Return when the window closes that an inbound message opens; microseconds."""
    seconds = FREE_ENTRY_POINT_WINDOW_SECONDS if has_referral else SERVICE_WINDOW_SECONDS
    return inbound_at_us + seconds * 1_000_000


def is_window_open(kind: MessageKind, *, closes_at_us: int | None, now_us: int, margin_seconds: int = 0) -> bool:
    """Say whether this kind may be sent now; templates always may. ``closes_at_us`` None: no window was ever open."""
    if not kind.is_free_form:
        return True
    return closes_at_us is not None and now_us < closes_at_us - margin_seconds * 1_000_000
