"""The load clients' own record, kept outside of the system under test and flushed to the disk line by line."""

import asyncio
import json
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(slots=True, kw_only=True)
class Asked:
    """
    One request and what was answered, over all its tries.

    `labels` name its messages, one each. `ids` holds the ids of each success answer, `refusals` the bodies of other
    answers, `broken` counts tries without an answer. `key` is its Idempotency-Key, None without one.
    """

    number: int
    labels: tuple[str, ...]
    key: str | None
    tries: int = 0
    broken: int = 0
    ids: list[tuple[str, ...]] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)


class ClientLedger:
    """
    Keeps a line before each try and after each answer; both are on the disk when the call returns.

    Every line is written whole under a lock, by a thread, so that the load goes on meanwhile.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._lock = threading.Lock()
        self._number = 0
        self.asked: dict[int, Asked] = {}
        self.media_ids: list[str] = []

    def new_request(self, labels: Sequence[str], *, key: str | None) -> Asked:
        """Number a request to come."""
        self._number += 1
        asked = Asked(number=self._number, labels=tuple(labels), key=key)
        self.asked[asked.number] = asked
        return asked

    async def about_to_send(self, asked: Asked) -> None:
        asked.tries += 1
        await self._write({"about_to_send": asked.number, "labels": asked.labels, "key": asked.key})

    async def answered(self, asked: Asked, ids: Sequence[str]) -> None:
        asked.ids.append(tuple(ids))
        await self._write({"answered": asked.number, "ids": list(ids)})

    async def refused(self, asked: Asked, body: str) -> None:
        asked.refusals.append(body)
        await self._write({"refused": asked.number, "body": body})

    async def broke(self, asked: Asked) -> None:
        """Note that a try ended without an answer: nobody knows whether it was taken."""
        asked.broken += 1
        await self._write({"broken": asked.number})

    async def uploaded(self, media_id: str) -> None:
        self.media_ids.append(media_id)
        await self._write({"uploaded": media_id})

    def close(self) -> None:
        os.close(self._descriptor)

    async def _write(self, line: dict[str, Any]) -> None:
        await asyncio.to_thread(self._write_now, json.dumps(line).encode() + b"\n")

    def _write_now(self, line: bytes) -> None:
        with self._lock:
            os.write(self._descriptor, line)
        os.fdatasync(self._descriptor)
