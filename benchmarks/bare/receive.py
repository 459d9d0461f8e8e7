"""Receiving, bare: check the signature, parse, commit what follows in a group, answer."""

from benchmarks.bare.parsing import is_signed, notification_row, read_report, write_reports
from benchmarks.bare.server import CONFIG, Scope, serve
from benchmarks.bare.writer import GroupWriter

_writers: list[GroupWriter] = []
_secret = CONFIG["app_secret"].encode()


async def _receive(scope: Scope, body: bytes) -> bytes:
    assert is_signed(body, scope["headers"], _secret)
    report = read_report(body)
    row = notification_row(
        report,
        account_id=CONFIG["account_id"],
        endpoint_id=CONFIG["endpoint_id"],
        recipient="12025550143",
        source_id=CONFIG["source_id"],
    )
    await _writers[0].write(write_reports, (report, row, CONFIG["source_id"]))
    return b""


serve(_receive, start=lambda: _writers.append(GroupWriter(CONFIG["database_url"])))
