"""Write docs/metrics.md from the metrics themselves: `make docs`."""

from pathlib import Path

from waypost.observe.metrics import list_metrics

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


def render() -> str:
    """Return the whole document."""
    rows = (
        f"| `{name}` | {kind} | {', '.join(f'`{label}`' for label in labels)} | {meaning} |"
        for name, kind, labels, meaning in list_metrics()
    )
    return _HEAD + "\n".join(rows) + "\n"
