from waypost.dispatch.lanes import SourceLane
from waypost.domain.errors import ThrottleScope
from waypost.domain.retry import JITTER_SHARE, THROTTLE_SECONDS
from waypost.domain.throttle import Pace

PHONE = "12025550143"


def test_an_acceptance_among_requests_throttled_together_makes_the_silence_no_longer():
    lane = SourceLane(pace=Pace(80.0, 80), pair_pace=Pace(1 / 6, 45))

    def throttle(now: float) -> None:
        lane.throttle(PHONE, ThrottleScope.SOURCE, retry_after_seconds=None, now=now, chance=0.999)

    throttle(100.0)
    lane.accepted(PHONE)
    throttle(100.1)
    assert lane.bucket.silent_until <= 100.1 + THROTTLE_SECONDS[0] * (1 + JITTER_SHARE)
    throttle(102.0)
    assert 104.0 <= lane.bucket.silent_until <= 102.0 + THROTTLE_SECONDS[1] * (1 + JITTER_SHARE)
