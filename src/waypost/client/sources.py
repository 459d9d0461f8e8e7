"""The numbers to send from (contract, section 5). Secrets go in and never come out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NotRequired, TypedDict, Unpack

from waypost.client.calls import (
    AsyncRunner,
    Call,
    Request,
    Runner,
    done,
    done_or_gone,
    json_request,
    object_of,
    objects_of,
    text_at,
)
from waypost.client.connection import segment

_PATH: Final = "/api/v2/source/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A number: its id here, and at the provider."""

    id: str
    name: str
    phone_number: str = field(repr=False)
    phone_number_id: str
    waba_id: str
    is_default: bool


class NewSource(TypedDict):
    """What a new source has. ``is_default``: send from it what names no source."""

    name: str
    phone_number: str
    phone_number_id: str
    waba_id: str
    access_token: str
    app_secret: NotRequired[str | None]
    is_default: NotRequired[bool | None]


class SourceChange(TypedDict, total=False):
    """What may be changed; None is as if it were not given."""

    name: str | None
    phone_number: str | None
    phone_number_id: str | None
    waba_id: str | None
    access_token: str | None
    app_secret: str | None
    is_default: bool | None


def create(members: Mapping[str, Any]) -> Call[str]:
    """Return the call that adds a source; not repeatable, as a second one would be refused."""
    return Call(
        request=json_request("POST", _PATH, members),
        parse=lambda answer: text_at(object_of(answer), "id"),
        is_repeatable=False,
    )


def list_all() -> Call[list[Source]]:
    """Return the call that lists the account's sources."""
    return Call(
        request=Request(method="GET", path=_PATH),
        parse=lambda answer: [_source(one) for one in objects_of(answer)],
        is_repeatable=True,
    )


def get(source_id: str) -> Call[Source]:
    """Return the call that shows one."""
    return Call(
        request=Request(method="GET", path=f"{_PATH}{segment(source_id)}"),
        parse=lambda answer: _source(object_of(answer)),
        is_repeatable=True,
    )


def change(source_id: str, members: Mapping[str, Any]) -> Call[None]:
    """Return the call that changes one."""
    return Call(
        request=json_request("PUT", f"{_PATH}{segment(source_id)}", members),
        parse=done,
        is_repeatable=True,
    )


def delete(source_id: str) -> Call[None]:
    """Return the call that deletes one."""
    return Call(
        request=Request(method="DELETE", path=f"{_PATH}{segment(source_id)}"), parse=done_or_gone, is_repeatable=True
    )


def members_of(given: SourceChange | NewSource) -> dict[str, Any]:
    """Return the JSON of what is given; None is as if it were not."""
    return {"default" if name == "is_default" else name: one for name, one in given.items() if one is not None}


def _source(data: dict[str, Any]) -> Source:
    return Source(
        id=text_at(data, "id"),
        name=text_at(data, "name"),
        phone_number=text_at(data, "phone_number"),
        phone_number_id=text_at(data, "phone_number_id"),
        waba_id=text_at(data, "waba_id"),
        is_default=data.get("default") is True,
    )


class Sources:
    """Sources, by a client that blocks."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def create(self, **members: Unpack[NewSource]) -> str:
        """
        Add a number with its ids and tokens at the provider, and return its id here.

        Raises: RefusedError, also for a ``phone_number_id`` in use; OutcomeUnknownError if the answer was lost.
        """
        return self._runner.run(create(members_of(members)))

    def list(self) -> list[Source]:
        """Return the account's sources. Raises what every call raises."""
        return self._runner.run(list_all())

    def get(self, source_id: str) -> Source:
        """Return one source. Raises NotFoundError, and what every call raises."""
        return self._runner.run(get(source_id))

    def change(self, source_id: str, **members: Unpack[SourceChange]) -> None:
        """Change what is given. Raises NotFoundError, RefusedError, and what every call raises."""
        self._runner.run(change(source_id, members_of(members)))

    def delete(self, source_id: str) -> None:
        """Take a source out of use; what it has not sent fails. Raises NotFoundError, and what every call raises."""
        self._runner.run(delete(source_id))


class AsyncSources:
    """Sources, by a client that does not block; see ``Sources``."""

    def __init__(self, runner: AsyncRunner) -> None:
        self._runner = runner

    async def create(self, **members: Unpack[NewSource]) -> str:
        """See ``Sources.create``."""
        return await self._runner.run(create(members_of(members)))

    async def list(self) -> list[Source]:
        """See ``Sources.list``."""
        return await self._runner.run(list_all())

    async def get(self, source_id: str) -> Source:
        """See ``Sources.get``."""
        return await self._runner.run(get(source_id))

    async def change(self, source_id: str, **members: Unpack[SourceChange]) -> None:
        """See ``Sources.change``."""
        await self._runner.run(change(source_id, members_of(members)))

    async def delete(self, source_id: str) -> None:
        """See ``Sources.delete``."""
        await self._runner.run(delete(source_id))
