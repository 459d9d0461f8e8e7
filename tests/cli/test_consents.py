"""Consents on the command line: in and out as files, and the blocklist."""

import csv
import io
from pathlib import Path

from .conftest import Command

PHONE = "12025550143"


def write_rows(directory: Path, *lines: str) -> str:
    path = directory / "people.csv"
    path.write_text("\ufeff" + "\r\n".join(lines) + "\r\n", encoding="utf-8")
    return str(path)


def test_a_file_of_optins_is_recorded_once_with_its_evidence(waypost: Command, account_id: str, data_dir: Path) -> None:
    path = write_rows(
        data_dir,
        "recipient,source,user_agent,ip,name",
        f'+{PHONE},SHOP,"Mozilla/5.0, like",198.51.100.20,Noor',
        "12025550144,,,,Ann",
    )

    first = waypost("consents", "import", path, "--source", "WEB", "--json")
    second = waypost("consents", "import", path, "--source", "WEB", "--json")

    assert (first.code, first.json) == (0, {"recorded": 2, "already_opted_in": 0, "faulty": 0})
    assert (second.code, second.json) == (0, {"recorded": 0, "already_opted_in": 2, "faulty": 0})
    shown = waypost("consents", "show", PHONE, "--json").json
    assert (shown["state"], shown["source"], shown["user_agent"]) == ("opted_in", "SHOP", "Mozilla/5.0, like")
    assert [(entry["action"], entry["ip"]) for entry in shown["history"]] == [("optin", "198.51.100.20")]
    assert waypost("consents", "show", "12025550144", "--json").json["source"] == "WEB"


def test_faulty_rows_are_named_by_their_place_and_the_others_recorded(
    waypost: Command, account_id: str, data_dir: Path
) -> None:
    path = write_rows(
        data_dir, "recipient,source,ip", "12ab,WEB,", f"{PHONE},WEB,", "12025550144,,", "12025550145,WEB,x"
    )

    ended = waypost("consents", "import", path, "--json")

    assert (ended.code, ended.json) == (1, {"recorded": 1, "already_opted_in": 0, "faulty": 3})
    assert "Row 2: Invalid recipient. Only numeric values allowed." in ended.err
    assert "Row 4: source cannot be empty." in ended.err
    assert "Row 5: ip is invalid" in ended.err


def test_a_file_longer_than_a_batch_goes_in_and_comes_out_whole(
    waypost: Command, account_id: str, data_dir: Path
) -> None:
    people = [f"1202555{number:04d}" for number in range(2001)]
    path = write_rows(data_dir, "recipient", *people)

    assert waypost("consents", "import", path, "--source", "WEB", "--json").json["recorded"] == 2001
    assert waypost("consents", "import", path, "--source", "FORM", "--optout", "--json").json["recorded"] == 2001

    standing = list(csv.DictReader(io.StringIO(waypost("consents", "export").out)))
    history = waypost("consents", "export", "--history", "--format", "json").json
    assert [(row["recipient"], row["state"], row["source"]) for row in standing] == [
        (who, "opted_out", "FORM") for who in people
    ]
    assert [(entry["recipient"], entry["action"]) for entry in history] == [
        (who, action) for who in people for action in ("optin", "optout")
    ]


def test_a_recipient_is_blocked_and_unblocked(waypost: Command, account_id: str) -> None:
    assert waypost("consents", "block", PHONE, "--source", "SUPPORT").code == 0
    assert waypost("consents", "show", PHONE, "--json").json["is_blocklisted"]
    assert waypost("consents", "unblock", PHONE).code == 0

    shown = waypost("consents", "show", PHONE, "--json").json
    assert not shown["is_blocklisted"]
    assert [(entry["action"], entry["source"]) for entry in shown["history"]] == [
        ("whitelist", "CLI"),
        ("blocklist", "SUPPORT"),
    ]
    assert "history" in waypost("consents", "show", PHONE).out


def test_what_cannot_be_is_said_in_words(waypost: Command, account_id: str, data_dir: Path) -> None:
    assert waypost("consents", "show", PHONE).code == 3
    assert waypost("consents", "block", "12").err == "Error: recipient value cannot be less than 10 digits.\n"
    assert waypost("consents", "import", write_rows(data_dir, "phone", PHONE)).code == 2
    assert waypost("consents", "import", str(data_dir / "nothing.csv")).code == 2
    assert waypost("consents", "import", write_rows(data_dir, "recipient", "1" * 200_000)).code == 2
    assert waypost("consents", "export", "--format", "xml").code == 2
