"""What dispatching and notifying have in common: batches of work in a database, and a bare client beside it."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.figures import Plan
from benchmarks.processes import Child
from benchmarks.report import Figure, Measure, check
from benchmarks.stage import Side, Stage, measured_cost

WAIT_SECONDS = 40.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One kind of work: how to make so many, and the statement that counts what is done."""

    insert: Callable[[Side, int], None]
    count_done: str
    warm_up: int


class Players:
    """The gateway on one database, the bare client on another; each batch lasts as long as the plan's turn."""

    def __init__(self, stage: Stage, plan: Plan, work: Work, *, role: str, bare: str, concurrency: int) -> None:
        self._stage = stage
        self._plan = plan
        self._work = work
        self.ours, self.bare = stage.add_side("ours", has_endpoints=True), stage.add_side("bare", has_endpoints=True)
        self._gateway = stage.start_gateway(self.ours, roles=[role])
        self._client = stage.start_commanded(bare, concurrency=concurrency, database_url=self.bare.database_url)
        self.done = {"ours": 0, "bare": 0}

    def play(self, figure: Figure) -> None:
        """Take all turns: the gateway, the client alone, and the client that commits what it does."""
        counts = dict.fromkeys(("ours", "ceiling", "durable"), self._work.warm_up)
        for place in range(self._plan.rounds + 1):
            measures = {
                "ours": self._turn(counts["ours"], self._gateway, self.ours),
                "ceiling": self._turn(counts["ceiling"], self._client, None),
                "durable": self._turn(counts["durable"], self._client, self.bare),
            }
            counts = {name: int(measure.rate * self._plan.seconds) for name, measure in measures.items()}
            if place:
                figure.ours.append(measures["ours"])
                figure.ceiling.append(measures["ceiling"])
                figure.durable.append(measures["durable"])

    def _turn(self, count: int, child: Child, side: Side | None) -> Measure:
        world = self._stage.world
        if side is not None and child is self._client:
            self._work.insert(side, count)
        world.ask(do="expect", count=count)
        with measured_cost(self._stage, child) as cost:
            if side is None:
                child.ask(do="send", count=count)
            elif child is self._client:
                child.ask(do="send_durably")
            else:
                self._work.insert(side, count)
            result = world.ask(do="wait", seconds=WAIT_SECONDS)
            if side is not None:
                self.done[side.name] += count
                await_count(side, self._work.count_done, self.done[side.name])
        check(result["count"] == count, f"{result['count']} of {count} requests arrived")
        return Measure(rate=result["rate"], cost=cost(count))


def await_count(side: Side, statement: str, wanted: int, *, seconds: float = 10.0) -> None:
    """Wait until a statement counts so many; raises AssertionError after a time."""
    deadline = time.monotonic() + seconds
    while (found := side.count(statement)) < wanted:
        check(time.monotonic() < deadline, f"{found} instead of {wanted}: {statement}")
        time.sleep(0.05)
    check(found == wanted, f"{found} instead of {wanted}: {statement}")
