"""Figures: what was measured, as numbers to keep and a table to read."""

import os
import platform
import sqlite3
import statistics
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from benchmarks.stage import Cost

RESULTS = Path(__file__).parent / "results" / "latest.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One turn of one side: items a second, and what one costs."""

    rate: float
    cost: Cost
    details: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Figure:
    """
    One figure on one database: the turns of both sides, in the order they were taken.

    `target` is the least ratio; `checks` says what was compared afterwards. A failed comparison raises instead.
    `durable` has the turns of a bare side that also commits what it does, where the ceiling itself stores nothing: it
    tells what of the distance is the storage's.
    """

    name: str
    database: str
    item: str
    target: float
    ours: list[Measure] = field(default_factory=list)
    ceiling: list[Measure] = field(default_factory=list)
    durable: list[Measure] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def ratios(self) -> list[float]:
        """The ratio of each pair of turns."""
        return [ours.rate / bare.rate for ours, bare in zip(self.ours, self.ceiling, strict=True)]

    @property
    def durable_ratio(self) -> float:
        """The median ratio to the bare side that stores what it does."""
        return statistics.median(ours.rate / bare.rate for ours, bare in zip(self.ours, self.durable, strict=True))

    @property
    def ratio(self) -> float:
        """The median of the pairs' ratios."""
        return statistics.median(self.ratios)

    def as_json(self) -> dict[str, Any]:
        """Return all of it."""
        durable = {"durable": {**_side_json(self.durable), "ratio": self.durable_ratio}} if self.durable else {}
        return {
            "figure": self.name,
            "database": self.database,
            "item": self.item,
            "ours": _side_json(self.ours),
            "ceiling": _side_json(self.ceiling),
            "ratio": {"median": self.ratio, "least": min(self.ratios), "most": max(self.ratios)},
            **durable,
            "target": self.target,
            "reached": self.ratio >= self.target,
            "checks": self.checks,
            "notes": self.notes,
        }


def _side_json(measures: Sequence[Measure]) -> dict[str, Any]:
    rates = [measure.rate for measure in measures]
    names = measures[0].details.keys()
    return {
        "rate": {"median": statistics.median(rates), "least": min(rates), "most": max(rates)},
        "process_cpu_us": statistics.median(measure.cost.process_us for measure in measures),
        "database_cpu_us": statistics.median(measure.cost.database_us for measure in measures),
        **{name: statistics.median(measure.details[name] for measure in measures) for name in names},
    }


class Report:
    """Collects figures; prints them, and writes them to `benchmarks/results/latest.json`."""

    def __init__(self) -> None:
        self._figures: list[Figure] = []
        self._console = Console(width=None if os.isatty(1) else 150)

    def say(self, text: str) -> None:
        """Tell what is going on."""
        self._console.print(text, highlight=False, markup=False)

    def add(self, figure: Figure) -> None:
        """Take one figure in, and write what there is."""
        self._figures.append(figure)
        RESULTS.parent.mkdir(exist_ok=True)
        content = {"machine": describe_machine(), "figures": [one.as_json() for one in self._figures]}
        RESULTS.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))

    def print(self) -> None:
        """Print all figures."""
        table = Table(title="Waypost against the ceilings of this machine", title_justify="left")
        for heading in ("figure", "database"):
            table.add_column(heading)
        for heading in (
            "items/s",
            "least..most",
            "ceiling/s",
            "least..most",
            "ratio",
            "least..most",
            "target",
            "CPU us",
            "bare us",
            "db us",
            "bare db us",
        ):
            table.add_column(heading, justify="right")
        for figure in self._figures:
            content = figure.as_json()
            ours, bare, ratio = content["ours"], content["ceiling"], content["ratio"]
            table.add_row(
                figure.name,
                figure.database,
                f"{ours['rate']['median']:,.0f}",
                f"{ours['rate']['least']:,.0f}..{ours['rate']['most']:,.0f}",
                f"{bare['rate']['median']:,.0f}",
                f"{bare['rate']['least']:,.0f}..{bare['rate']['most']:,.0f}",
                f"[{'green' if content['reached'] else 'red'}]{ratio['median']:.2f}",
                f"{ratio['least']:.2f}..{ratio['most']:.2f}",
                f"{figure.target:.2f}",
                f"{ours['process_cpu_us']:.0f}",
                f"{bare['process_cpu_us']:.0f}",
                f"{ours['database_cpu_us']:.0f}",
                f"{bare['database_cpu_us']:.0f}",
            )
        self._console.print(table)
        for figure in self._figures:
            if figure.durable:
                rate = figure.as_json()["durable"]["rate"]["median"]
                self.say(
                    f"{figure.name}, {figure.database}: {figure.durable_ratio:.2f} of the bare client that commits the "
                    f"same rows ({rate:,.0f}/s)"
                )
            for line in [*figure.checks, *figure.notes]:
                self.say(f"{figure.name}, {figure.database}: {line}")


def describe_machine() -> dict[str, Any]:
    """Return what the figures were measured on."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "commit": commit,
        "processors": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "load_1_minute": os.getloadavg()[0],
    }


def check(condition: object, what: str) -> None:
    """Stop if a figure was not earned."""
    if not condition:
        raise AssertionError(f"this figure was not earned: {what}")
