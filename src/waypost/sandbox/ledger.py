"""What the sandbox accepted and when each request arrived, so that a checker can compare."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from waypost.sandbox.journal import Journal

Plan = tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Accepted:
    """One accepted message, and what has become of it so far.

    `plan` lists the statuses to come in order; one with a leading minus happens without a webhook. `position` is
    the first of them that no webhook receiver has acknowledged. An empty plan means: not decided yet. `category` is
    what Meta would charge it as. Times are microseconds since the epoch, 0 = has not happened. `body_sha256` is of
    the bytes as they came; `body` is the same JSON, after a restart perhaps with other spaces.
    """

    sequence: int
    wamid: str
    phone_number_id: str
    to: str
    type: str
    token: str | None
    body: bytes
    body_sha256: str
    arrival_us: int
    arrival_monotonic_us: int
    plan: Plan
    failed_code: int = 0
    category: str = "service"
    by_user_id: bool = False
    position: int = 0
    answered: bool = False
    sent_us: int = 0
    delivered_us: int = 0
    read_us: int = 0
    failed_us: int = 0
    delay_seconds: float = 0.0

    @property
    def status(self) -> str:
        """The last thing that happened to it."""
        if self.failed_us:
            return "failed"
        return "read" if self.read_us else "delivered" if self.delivered_us else "sent" if self.sent_us else "accepted"

    @property
    def is_group(self) -> bool:
        """Whether `to` is a group; a phone's number is digits, which no group id is."""
        return not self.to.isdecimal()

    def view(self) -> dict[str, Any]:
        """Return the ledger entry as the control API shows it."""
        return {
            "sequence": self.sequence,
            "wamid": self.wamid,
            "phone_number_id": self.phone_number_id,
            "to": self.to,
            "type": self.type,
            "biz_opaque_callback_data": self.token,
            "arrival_us": self.arrival_us,
            "arrival_monotonic_us": self.arrival_monotonic_us,
            "body_sha256": self.body_sha256,
            "answered": self.answered,
            "sent_us": self.sent_us or None,
            "delivered_us": self.delivered_us or None,
            "read_us": self.read_us or None,
            "failed_us": self.failed_us or None,
            "failed_code": self.failed_code or None,
        }

    def start_view(self) -> dict[str, Any]:
        return {
            "sequence": self.sequence,
            "arrival_us": self.arrival_us,
            "arrival_monotonic_us": self.arrival_monotonic_us,
            "phone_number_id": self.phone_number_id,
            "to": self.to,
            "outcome": "accepted",
            "code": None,
            "wamid": self.wamid,
            "type": self.type,
            "status": self.status,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """One arrival that was not accepted: `outcome` is `refused` (with Meta's code) or the kind of the fault."""

    sequence: int
    phone_number_id: str
    to: str
    outcome: str
    code: int
    arrival_us: int
    arrival_monotonic_us: int

    def start_view(self) -> dict[str, Any]:
        return {
            "sequence": self.sequence,
            "arrival_us": self.arrival_us,
            "arrival_monotonic_us": self.arrival_monotonic_us,
            "phone_number_id": self.phone_number_id,
            "to": self.to,
            "outcome": self.outcome,
            "code": self.code or None,
            "wamid": None,
            "type": None,
            "status": None,
        }


class Ledger:
    """Every POST to a messages endpoint, in order of arrival.

    Sequences grow by one and are never used twice, not even after `clear` or a restart. An acceptance has left the
    process (see `Journal`) when `accept` returns.
    """

    def __init__(self, data_dir: Path | None) -> None:
        self._journal = Journal(None if data_dir is None else data_dir / "ledger.jsonl")
        self.by_wamid: dict[str, Accepted] = {}
        self.accepted: list[Accepted] = []
        self.starts: list[Accepted | Refused] = []
        self._sequence = 0
        self._answered: list[int] = []

    def load(self) -> Iterator[Accepted]:
        """Read the file back; yield every acceptance of the past, also those cleared from view."""
        by_sequence: dict[int, Accepted] = {}
        for line in self._journal.replay():
            kind = line.pop("kind")
            if kind == "accepted":
                body = orjson.dumps(line.pop("body"))
                plan = tuple(line.pop("plan"))
                token = line.pop("biz_opaque_callback_data")
                entry = Accepted(**line, token=token, body=body, plan=plan)
                by_sequence[entry.sequence] = entry
                self._add(entry)
                yield entry
            elif kind == "refused":
                self._sequence = line["sequence"]
                self.starts.append(Refused(**line))
            elif kind == "answered":
                for sequence in line["sequences"]:
                    by_sequence[sequence].answered = True
            elif kind == "cleared":
                self.accepted.clear()
                self.starts.clear()

    def accept(self, entry: Accepted) -> None:
        """Keep an acceptance whose sequence came from `next_sequence`."""
        self._add(entry)
        self._journal.write(
            {
                "kind": "accepted",
                "sequence": entry.sequence,
                "wamid": entry.wamid,
                "phone_number_id": entry.phone_number_id,
                "to": entry.to,
                "type": entry.type,
                "biz_opaque_callback_data": entry.token,
                "arrival_us": entry.arrival_us,
                "arrival_monotonic_us": entry.arrival_monotonic_us,
                "body_sha256": entry.body_sha256,
                "plan": entry.plan,
                "failed_code": entry.failed_code,
                "category": entry.category,
                "by_user_id": entry.by_user_id,
                "delay_seconds": entry.delay_seconds,
                "body": orjson.Fragment(_one_line(entry.body)),
            }
        )

    def next_sequence(self) -> int:
        self._sequence += 1
        return self._sequence

    def refuse(
        self, *, phone_number_id: str, to: str, outcome: str, code: int, arrival_us: int, arrival_monotonic_us: int
    ) -> None:
        """Keep an arrival that was not accepted."""
        entry = Refused(
            sequence=self.next_sequence(),
            phone_number_id=phone_number_id,
            to=to,
            outcome=outcome,
            code=code,
            arrival_us=arrival_us,
            arrival_monotonic_us=arrival_monotonic_us,
        )
        self.starts.append(entry)
        self._journal.write_soon(
            {
                "kind": "refused",
                "sequence": entry.sequence,
                "phone_number_id": phone_number_id,
                "to": to,
                "outcome": outcome,
                "code": code,
                "arrival_us": arrival_us,
                "arrival_monotonic_us": arrival_monotonic_us,
            }
        )

    def answered(self, entry: Accepted) -> None:
        """Note that the answer was handed to the server below us."""
        entry.answered = True
        self._answered.append(entry.sequence)
        if len(self._answered) == 1:
            asyncio.get_running_loop().call_soon(self._write_answered)

    def clear(self) -> None:
        """Empty the view; messages on phones stay, and the file keeps its past."""
        self.accepted.clear()
        self.starts.clear()
        self._journal.write({"kind": "cleared"})

    def close(self) -> None:
        self._write_answered()
        self._journal.close()

    def _add(self, entry: Accepted) -> None:
        self._sequence = max(self._sequence, entry.sequence)
        self.by_wamid[entry.wamid] = entry
        self.accepted.append(entry)
        self.starts.append(entry)

    def _write_answered(self) -> None:
        if self._answered:
            self._journal.write_soon({"kind": "answered", "sequences": self._answered})
            self._answered = []


def _one_line(body: bytes) -> bytes:
    """Return the same JSON on one line; a line feed in JSON text can only stand between tokens."""
    return body if b"\n" not in body else orjson.dumps(orjson.loads(body))
