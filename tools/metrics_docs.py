"""Write docs/metrics.md from the metrics themselves: `make docs`."""

from pathlib import Path

from prometheus_client import Counter, Gauge, Histogram

from waypost.observe import Metrics
from waypost.observe.histogram import LoopHistogram

PATH = Path(__file__).parent.parent / "docs" / "metrics.md"
_HEAD = """# Metrics

<!-- Written by `make docs` from src/waypost/observe/metrics.py; do not edit. -->

Prometheus text format at `/metrics`; on a port of its own when `WAYPOST_OPERATIONS_PORT` is set. Prefixes are the four
verbs, and `media`, `store`, `http`. No label holds a phone number or an id. The usual `process_*` metrics and
`waypost_build_info{version}` are there too. Gauges of queues are read from the database, by the node that owns the
shards: add them up over nodes.

| name | type | labels | meaning |
| --- | --- | --- | --- |
"""


def list_metrics() -> list[tuple[str, str, tuple[str, ...], str]]:
    """Return (name as scraped, type, labels, help) of every metric of ours, in the order they are declared."""
    rows = []
    for collector in vars(Metrics()).values():
        if isinstance(collector, Counter | Gauge | Histogram | LoopHistogram):
            [family] = collector.collect()
            name = f"{family.name}_total" if family.type == "counter" else family.name
            labels = tuple(getattr(collector, "_labelnames", ()))
            rows.append((name, family.type, labels, family.documentation))
    return rows


def render() -> str:
    """Return the whole document."""
    rows = (
        f"| `{name}` | {kind} | {', '.join(f'`{label}`' for label in labels)} | {meaning} |"
        for name, kind, labels, meaning in list_metrics()
    )
    return _HEAD + "\n".join(rows) + "\n"
