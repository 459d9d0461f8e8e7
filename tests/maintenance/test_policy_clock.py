"""A clock set back cannot open a window again, also not over a restart."""

from waypost.maintenance.policy_clock import PolicyClockKeeper
from waypost.ports import SystemClock
from waypost.store.installation import load_policy_clock

DAY_US = 86_400_000_000


class SetClock(SystemClock):
    """The machine's clock, set by hand."""

    def __init__(self, at_us, *, policy_floor_us=0):
        super().__init__(policy_floor_us=policy_floor_us)
        self.at_us = at_us

    def now_us(self):
        return self.at_us


def test_policy_time_never_runs_back():
    clock = SetClock(10 * DAY_US)
    assert 10 * DAY_US == clock.policy_now_us()

    clock.at_us = 9 * DAY_US
    assert 10 * DAY_US == clock.policy_now_us()

    clock.at_us = 11 * DAY_US
    assert 11 * DAY_US == clock.policy_now_us()


async def test_policy_time_goes_on_from_the_mark_after_a_restart(database):
    await PolicyClockKeeper(database=database, clock=SetClock(10 * DAY_US)).mark()

    floor_us = await database.read(load_policy_clock)
    after = SetClock(9 * DAY_US, policy_floor_us=floor_us)
    await PolicyClockKeeper(database=database, clock=after).mark()

    assert 10 * DAY_US == after.policy_now_us()
    assert 10 * DAY_US == await database.read(load_policy_clock)
