"""A file of recipients is sent while the gateway and the command are killed: each row goes out once."""

from pathlib import Path

from tests.crash.bulk import BulkPlan, run_bulk_trial
from tests.crash.trial import new_seed


async def test_each_row_of_a_file_is_sent_once_though_gateway_and_command_are_killed(tmp_path: Path) -> None:
    report = await run_bulk_trial(BulkPlan(rows=2_000, kills=3, seed=new_seed()), tmp_path)
    print(report.table())  # noqa: T201 - the seed, to replay: python -m tests.crash.bulk --rows 2000 --seed <seed>
    assert report.broken == [], report.table()
    assert (report.starts_of_gateway, report.starts_of_command) == (4, 4), report.table()
