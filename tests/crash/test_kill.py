"""T5 in short: the demo is killed again and again under load, and every ledger agrees afterwards."""

from pathlib import Path

from tests.crash.trial import TrialPlan, new_seed, run_trial


async def test_twenty_kills_under_load_lose_halve_and_forget_nothing_and_leave_no_unexplained_duplicate(
    tmp_path: Path,
) -> None:
    report = await run_trial(TrialPlan(kills=20, seed=new_seed()), tmp_path)
    print(report.table())  # noqa: T201 - the seed, to replay: python -m tests.crash --kills 20 --seed <seed>
    assert report.findings.violations() == {}, report.table()
    assert report.left == {}, report.table()
    assert report.figures.answered > 200, report.table()
