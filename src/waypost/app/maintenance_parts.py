"""The loops of the role ``maintenance``."""

from collections.abc import Callable, Collection

from waypost.app.foundation import Foundation
from waypost.app.parts import Part
from waypost.maintenance.expiry import Expirer
from waypost.maintenance.policy_clock import PolicyClockKeeper
from waypost.maintenance.retention import Retention
from waypost.maintenance.tallying import TallyFolder
from waypost.maintenance.template_mirror import TemplateMirror
from waypost.ports import TemplateLister
from waypost.service import Service
from waypost.store.claiming import LaneKey


def maintenance_parts(
    foundation: Foundation,
    *,
    lister: TemplateLister,
    on_ended: Callable[[Collection[LaneKey]], None],
    on_told: Callable[[], None],
) -> list[Service]:
    """Return the loops; ``on_ended`` is told of lanes whose messages they end, ``on_told`` of work for the notifier."""
    settings = foundation.settings
    expiry = Expirer(
        database=foundation.database,
        directory=foundation.directory,
        clock=foundation.clock,
        ids=foundation.ids,
        doubt_seconds_max=settings.dispatch.doubt_seconds_max,
        on_ended=on_ended,
        on_told=on_told,
    )
    retention = Retention(
        database=foundation.database,
        blobs=foundation.blobs,
        clock=foundation.clock,
        ids=foundation.ids,
        settings=settings.retention,
        parked_hours=settings.receive.parked_hours,
    )
    clock = PolicyClockKeeper(database=foundation.database, clock=foundation.clock)
    mirror = TemplateMirror(
        database=foundation.database,
        directory=foundation.directory,
        lister=lister,
        clock=foundation.clock,
        ids=foundation.ids,
        metrics=foundation.metrics,
        interval_seconds=settings.receive.template_list_seconds,
        on_told=on_told,
    )
    tallies = TallyFolder(database=foundation.database, clock=foundation.clock, tally_days=settings.reports.tally_days)
    return [Part(name=loop.name, running=loop.run) for loop in (expiry, retention, clock, tallies, mirror)]
