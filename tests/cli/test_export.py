"""``waypost messages export`` writes a whole file or none."""

import csv
import json

from tests.store.rows import add

from waypost.domain.ids import first_id_at
from waypost.store.connections import connector_for


def test_an_export_has_every_message_and_its_events(waypost, database, account_id, tmp_path):
    now_us = 1_930_000_000_000_000
    writer = connector_for(f"sqlite:///{database}").open_writer()
    writer.begin()
    for place in range(3):
        id_ = first_id_at(now_us)[:-1] + str(place)
        add(writer.tx, "messages", id=id_, account_id=account_id, state=70, sent_at_us=now_us, accepted_at_us=now_us)
    writer.commit()
    writer.close()
    span = ("--since", "2031-02-01T00:00:00Z", "--until", "2031-04-01T00:00:00Z")

    messages = waypost("messages", "export", *span, "-o", str(tmp_path / "messages.csv"))
    events = waypost("messages", "export", *span, "--events", "--format", "json", "-o", "-")
    nowhere = waypost("messages", "export", *span, "-o", str(tmp_path / "nowhere" / "messages.csv"))

    beyond_time = waypost("messages", "export", "--since", "9" * 30 + "d", "-o", "-")

    assert (messages.code, events.code, nowhere.code, beyond_time.code) == (0, 0, 2, 2)
    assert "3 rows" in messages.err
    with (tmp_path / "messages.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 3
    assert [json.loads(line)["event"] for line in events.out.splitlines()] == ["accepted", "sent"] * 3
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("messages")) == ["messages.csv"]
    assert "--output" in nowhere.err
