"""The file that `waypost messages send --file` writes: never over what it reads, and nothing in it runs."""

import csv
import os
from pathlib import Path

import pytest

from waypost import cli
from waypost.cli.bulk_results import RESULT_COLUMNS, ROWS_PER_PART, refuse_to_overwrite, result_parts
from waypost.cli.exits import CommandFailure, ExitCode
from waypost.domain.recipient_file import FileRow

NOWHERE = ("--base-url", "http://127.0.0.1:1", "--api-key", "wp_key", "--text", "Hello")


@pytest.mark.parametrize("name", ["guests.csv", "same.csv", "link.csv", "of/../guests.csv", "guests"])
def test_a_result_over_the_file_of_recipients_is_refused_before_anything_is_read(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "of").mkdir()
    file = tmp_path / ("guests.part" if name == "guests" else "guests.csv")
    file.write_bytes(b"\xff no text at all")
    (tmp_path / "link.csv").symlink_to(file)
    os.link(file, tmp_path / "same.csv")
    names = sorted(tmp_path.iterdir())

    code = cli.run(["messages", "send", "--file", str(file), "--result", str(tmp_path / name), *NOWHERE])

    assert code == ExitCode.USAGE
    assert "would be written over" in capsys.readouterr().err
    assert (file.read_bytes(), sorted(tmp_path.iterdir())) == (b"\xff no text at all", names)


def test_a_result_elsewhere_is_not_refused_for_its_name(tmp_path: Path) -> None:
    file = tmp_path / "guests.csv"
    file.write_text("phone\n12025550143\n")
    (tmp_path / "of").mkdir()

    for result in (tmp_path / "of" / "guests.csv", tmp_path / "guests.csv.csv", None):
        refuse_to_overwrite(file, result)


def test_what_a_spreadsheet_would_run_is_text_and_rows_keep_their_order() -> None:
    count = ROWS_PER_PART + 2
    rows = [FileRow(line=line, recipient="+12025550143", fields={}, fault=None) for line in range(2, count)]
    rows[0] = FileRow(line=2, recipient="=HYPERLINK(1)", fields={}, fault="@SUM(1)")
    told = {"outcome": "accepted", "message_id": "id", "status": "sent", "remark": "-1+1"}

    lines = list(csv.DictReader("".join(result_parts(rows, iter([told] * (count - 3)))).splitlines()))

    assert tuple(lines[0]) == RESULT_COLUMNS
    assert (lines[0]["recipient"], lines[0]["remark"]) == ("'=HYPERLINK(1)", "'@SUM(1)")
    assert (lines[1]["recipient"], lines[1]["remark"]) == ("+12025550143", "'-1+1")
    assert [line["line"] for line in lines] == [str(line) for line in range(2, count)]
    with pytest.raises(CommandFailure, match="ended early"):
        list(result_parts(rows, iter([])))
