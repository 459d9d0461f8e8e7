"""What is there after a trial: the gateway's rows, the sandbox's ledger, the inspector's file; read, never changed."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PENDING_STATES = {10: "scheduled", 20: "waiting", 30: "queued", 40: "dispatching", 50: "in doubt"}
STATUSES = ("sent", "delivered", "read", "failed")
_TABLES = {
    "messages": "SELECT id, caller_data, source_id, recipient, state, wait_reason, attempt_number, releases, failure "
    "FROM messages ORDER BY id",
    "attempts": "SELECT message_id, number, outcome, wamid, detail, source_id, started_at_us, ended_at_us FROM attempts "
    "ORDER BY message_id, number",
}


@dataclass(frozen=True, slots=True)
class Message:
    """A row of the gateway's messages."""

    id: str
    label: str
    source_id: str
    recipient: str
    state: int
    wait_reason: str | None
    attempts: int
    releases: int
    failure: str | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """A row of the gateway's attempts."""

    message_id: str
    number: int
    outcome: str | None
    wamid: str | None
    detail: str | None
    source_id: str
    started_at_us: int
    ended_at_us: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """What the sandbox accepted, and the statuses whose webhook the gateway has answered with 200, in order."""

    sequence: int
    wamid: str
    label: str
    number_id: str
    recipient: str
    told: tuple[str, ...]
    arrival_monotonic_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One status in one POST to the customer's webhook."""

    sequence: int
    webhook_id: str
    message_id: str
    label: str
    status: str


@dataclass(slots=True, kw_only=True)
class Evidence:
    """Everything a checker compares, as it stood when it was read."""

    messages: list[Message]
    attempts: list[Attempt]
    promised_by_keys: list[str]
    acceptances: list[Acceptance]
    refused_upstream: list[str]
    deliveries: list[Delivery]
    written_by_phones: set[str]
    told_of_phones: dict[str, set[str]] = field(default_factory=dict)
    bodies: dict[str, set[str]] = field(default_factory=dict)
    unverified: list[str] = field(default_factory=list)


def count_unfinished(data_dir: Path) -> dict[str, int]:
    """Return how many messages are pending, by state, and how many notifications; only what is not 0."""
    found: dict[str, int] = {}
    with closing(_connect(data_dir)) as database:
        for state, count in database.execute("SELECT state, COUNT(*) FROM messages WHERE state <= 50 GROUP BY state"):
            found[PENDING_STATES[state]] = count
        for (count,) in database.execute("SELECT COUNT(*) FROM notifications WHERE state = 0"):
            if count:
                found["notifications"] = count
    return found


def collect(data_dir: Path) -> Evidence:
    """Read all of it."""
    with closing(_connect(data_dir)) as database:
        messages = [Message(*row) for row in database.execute(_TABLES["messages"])]
        attempts = [Attempt(*row) for row in database.execute(_TABLES["attempts"])]
        records = database.execute("SELECT message_ids FROM idempotency_records").fetchall()
    acceptances, refused = _read_ledger(data_dir / "sandbox")
    evidence = Evidence(
        messages=messages,
        attempts=attempts,
        promised_by_keys=[message_id for (ids,) in records for message_id in json.loads(ids)],
        acceptances=acceptances,
        refused_upstream=refused,
        deliveries=[],
        written_by_phones={
            line["wamid"] for line in _lines(data_dir / "sandbox" / "network.jsonl") if line["kind"] == "inbound"
        },
    )
    _read_inspector(data_dir / "sandbox" / "inspector.jsonl", evidence)
    return evidence


def _connect(data_dir: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{data_dir / 'waypost.db'}?mode=ro", uri=True, timeout=30)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield json.loads(line)


def _read_ledger(directory: Path) -> tuple[list[Acceptance], list[str]]:
    told: dict[str, list[str]] = {}
    for line in _lines(directory / "network.jsonl"):
        if line["kind"] == "told":
            for wamid, status, _ in line["statuses"]:
                told.setdefault(wamid, []).append(status)
    acceptances: list[Acceptance] = []
    refused: list[str] = []
    for line in _lines(directory / "ledger.jsonl"):
        if line["kind"] == "refused":
            refused.append(f"{line['outcome']} {line['code']}")
        elif line["kind"] == "accepted":
            acceptances.append(
                Acceptance(
                    sequence=line["sequence"],
                    wamid=line["wamid"],
                    label=_label_of(line["body"]),
                    number_id=line["phone_number_id"],
                    recipient=line["to"],
                    told=tuple(told.get(line["wamid"], ())),
                    arrival_monotonic_us=line["arrival_monotonic_us"],
                )
            )
    return acceptances, refused


def _label_of(body: dict[str, Any]) -> str:
    content = body[body["type"]]
    label: str = content.get("body") or content.get("caption") or content["name"]
    return label


def _read_inspector(path: Path, evidence: Evidence) -> None:
    for record in _lines(path):
        webhook_id = record["headers"].get("webhook-id", "")
        if record["verified"] is not True:
            evidence.unverified.append(f"{webhook_id}: {record['reason']}")
        evidence.bodies.setdefault(webhook_id, set()).add(json.dumps(record["body"]))
        for entry in record["body"].get("delivery_status", ()):
            evidence.deliveries.append(
                Delivery(
                    sequence=record["sequence"],
                    webhook_id=webhook_id,
                    message_id=entry["ncmessage_id"],
                    label=entry["x-apiheader"],
                    status=entry["status"],
                )
            )
        for entry in record["body"].get("incoming_message", ()):
            evidence.told_of_phones.setdefault(entry["message_id"], set()).add(webhook_id)
