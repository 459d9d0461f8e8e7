"""The sandbox's two clocks."""

import time


def now_us() -> int:
    """Return microseconds since the epoch, UTC."""
    return time.time_ns() // 1000


def monotonic_us() -> int:
    """Return microseconds of the monotonic clock, for durations within one boot of the machine."""
    return time.monotonic_ns() // 1000
