"""What Waypost tells its operators: logs without personal data, and metrics."""

from waypost.observe.logs import (
    Logger,
    configure_logging,
    get_logger,
    keep_pseudonyms,
    log_warnings_only,
    mask_number,
)
from waypost.observe.metrics import Metrics

__all__ = [
    "Logger",
    "Metrics",
    "configure_logging",
    "get_logger",
    "keep_pseudonyms",
    "log_warnings_only",
    "mask_number",
]
