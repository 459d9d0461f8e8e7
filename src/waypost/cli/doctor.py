"""``waypost doctor``: looks at everything the gateway rests on, and says what to do about each fault."""

import typer

from waypost.cli.exits import ExitCode
from waypost.cli.options import DatabaseUrl, DataDir, Json
from waypost.cli.printing import print_line, print_records


def doctor(*, data_dir: DataDir = None, database_url: DatabaseUrl = None, as_json: Json = False) -> None:
    """Check settings, database, files, clock, and each number's credentials and webhooks; say what to do."""
    from waypost.cli.checks import Finding, check_all  # noqa: PLC0415

    findings: list[Finding] = []
    for finding in check_all(data_dir, database_url):
        findings.append(finding)
        if not as_json:
            mark = "ok  " if finding.is_good else "FAIL"
            print_line(f"{mark}  {finding.check}: {finding.found}")
            if finding.advice:
                print_line(f"      {finding.advice}")
    if as_json:
        rows = [
            {"check": one.check, "is_good": one.is_good, "found": one.found, "advice": one.advice} for one in findings
        ]
        print_records(rows, columns=("check", "found"), as_json=True)
    if not all(finding.is_good for finding in findings):
        raise typer.Exit(ExitCode.FAILURE)
