"""What can be set about the sandbox."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSettings:
    """How one sandbox behaves. Defaults that stand for a limit of Meta's are from the Cloud API pages of Sep 2026.

    `base_url` is the address by which clients reach the sandbox, without a trailing slash; it is used in media
    URLs. Empty means: whatever `serve()` binds. `data_dir` None keeps everything in memory only.
    A rate, interval or burst of 0 switches that limit off.
    """

    base_url: str = ""
    data_dir: Path | None = None
    # Between two steps of one message: accepted, sent, delivered, read.
    status_delay_seconds: float = 0.0
    # Updates per webhook POST, 1 to 1000, and POSTs in flight to one address.
    webhook_batch_max: int = 100
    webhook_concurrency: int = 4
    webhook_timeout_seconds: float = 10.0
    # Gaps between repeats: first, then twice as long each time up to the maximum, until the span is over.
    webhook_retry_first_seconds: float = 1.0
    webhook_retry_max_seconds: float = 60.0
    webhook_retry_span_seconds: float = 7 * 86_400.0
    # Webhooks of Graph v23.0 and older carry `conversation` in statuses.
    webhook_conversation: bool = False
    media_url_seconds: float = 300.0
    media_fetch_timeout_seconds: float = 15.0
    link_cache_seconds: float = 600.0
    number_rate: float = 80.0
    pair_interval_seconds: float = 6.0
    pair_burst: int = 45
    window_seconds: float = 86_400.0
    template_review_seconds: float = 0.0
    # How long the name of a deleted template that had been approved cannot be used again.
    template_name_block_seconds: float = 30 * 86_400.0
    app_id: str = "100000000000001"

    def __post_init__(self) -> None:
        if not 1 <= self.webhook_batch_max <= 1000:
            raise ValueError("webhook_batch_max must be 1 to 1000")
        if self.webhook_concurrency < 1:
            raise ValueError("webhook_concurrency must be at least 1")
        if self.base_url.endswith("/"):
            raise ValueError("base_url must not end with a slash")
