"""Who may be written to: opt-ins, opt-outs, blocks (contract, section 3)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from waypost.client.calls import Answer, AsyncRunner, Call, Runner, envelope_of, json_request, object_of, text_at
from waypost.client.errors import RefusedError
from waypost.client.moments import moment_of

_CHECK_PATH: Final = "/api/v2/consent/"
_MANAGE_PATH: Final = "/api/v2/consent/manage/"
_BLOCKLIST_PATH: Final = "/api/v2/consent/blocklist"
_NOT_FOUND: Final = "Optin details not found"
_ALREADY: Final = "Optin already found"


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """An opt-in: where it was gained (``WHATSAPP`` when implied by a message of theirs), when, and by what."""

    phone_number: str = field(repr=False)
    source: str
    created_at: datetime | None
    ip: str = field(repr=False)
    user_agent: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """
    A recipient, and the evidence of what they want.

    ``source`` is free text of 1 to 25 characters that says where it was gained; ``user_agent`` has up to 500.
    """

    recipient: str = field(repr=False)
    source: str = "API"
    user_agent: str | None = field(default=None, repr=False)
    ip: str | None = field(default=None, repr=False)

    def to_json(self) -> dict[str, str]:
        """Return it as an element of ``recipients``."""
        members = {"recipient": self.recipient, "source": self.source, "user_agent": self.user_agent, "ip": self.ip}
        return {name: value for name, value in members.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedRecipient:
    """One for whom nothing was recorded, and why."""

    recipient: str = field(repr=False)
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentReport:
    """
    How many were recorded, and who was not.

    Somebody who had opted in already is in ``failed`` with 8005, alone or among several.
    """

    processed_count: int
    failed: tuple[FailedRecipient, ...] = ()


def check(phone_number: str) -> Call[Consent | None]:
    """Return the call that asks for an opt-in; None: there is none, or an opt-out came later."""

    def parse(answer: Answer) -> Consent | None:
        try:
            data = object_of(answer)
        except RefusedError as error:
            if error.message.startswith(_NOT_FOUND):
                return None
            raise
        return Consent(
            phone_number=text_at(data, "phone_number"),
            source=text_at(data, "optin_source"),
            created_at=moment_of(data.get("created_date")),
            ip=text_at(data, "ip"),
            user_agent=text_at(data, "user_agent"),
        )

    request = json_request("POST", _CHECK_PATH, {"phone_number": phone_number})
    return Call(request=request, parse=parse, is_repeatable=True)


def change(
    kind: Literal["optin", "optout", "blocklist", "whitelist"], recipients: Sequence[Evidence | str]
) -> Call[ConsentReport]:
    """Return the call that records one thing for 1 to 1000 recipients. Raises ValueError for another count."""
    if not 1 <= len(recipients) <= 1000:
        raise ValueError(f"a request has 1 to 1000 recipients, not {len(recipients)}")
    all_evidence = [Evidence(recipient=one) if isinstance(one, str) else one for one in recipients]

    def parse(answer: Answer) -> ConsentReport:
        try:
            data = envelope_of(answer).get("data")
        except RefusedError as error:
            # For one recipient alone the API fails; for several it lists. Here it is one and the same.
            if len(all_evidence) > 1 or not error.message.startswith(_ALREADY):
                raise
            failed = FailedRecipient(recipient=all_evidence[0].recipient, code=error.code, message=error.message)
            return ConsentReport(processed_count=0, failed=(failed,))
        return _report(data, given=len(all_evidence))

    content = {"type": kind, "recipients": [evidence.to_json() for evidence in all_evidence]}
    path = _BLOCKLIST_PATH if kind in {"blocklist", "whitelist"} else _MANAGE_PATH
    return Call(request=json_request("POST", path, content), parse=parse, is_repeatable=True)


def _report(data: Any, *, given: int) -> ConsentReport:
    if not isinstance(data, dict):
        return ConsentReport(processed_count=given)
    failed = tuple(
        FailedRecipient(
            recipient=text_at(one, "recipient"), code=text_at(one, "code"), message=text_at(one, "message").strip()
        )
        for one in data.get("failed_recipients") or []
        if isinstance(one, dict)
    )
    count = data.get("processed_count")
    return ConsentReport(processed_count=count if type(count) is int else given - len(failed), failed=failed)


class Consents:
    """Consents, by a client that blocks."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def check(self, phone_number: str) -> Consent | None:
        """Return somebody's opt-in, or None. Raises what every call raises."""
        return self._runner.run(check(phone_number))

    def opt_in(self, *recipients: Evidence | str) -> ConsentReport:
        """
        Record opt-ins of 1 to 1000 recipients, given as numbers or with their evidence; again does nothing.

        Raises: RefusedError for what is wrong with the request or its only recipient, ValueError for another count.
        """
        return self._runner.run(change("optin", recipients))

    def opt_out(self, *recipients: Evidence | str) -> ConsentReport:
        """Record opt-outs, as ``opt_in``; those who never opted in too."""
        return self._runner.run(change("optout", recipients))

    def block(self, *recipients: Evidence | str) -> ConsentReport:
        """Let nothing be sent to these, whatever their consent."""
        return self._runner.run(change("blocklist", recipients))

    def unblock(self, *recipients: Evidence | str) -> ConsentReport:
        """Lift ``block``."""
        return self._runner.run(change("whitelist", recipients))


class AsyncConsents:
    """Consents, by a client that does not block; see ``Consents``."""

    def __init__(self, runner: AsyncRunner) -> None:
        self._runner = runner

    async def check(self, phone_number: str) -> Consent | None:
        """See ``Consents.check``."""
        return await self._runner.run(check(phone_number))

    async def opt_in(self, *recipients: Evidence | str) -> ConsentReport:
        """See ``Consents.opt_in``."""
        return await self._runner.run(change("optin", recipients))

    async def opt_out(self, *recipients: Evidence | str) -> ConsentReport:
        """See ``Consents.opt_out``."""
        return await self._runner.run(change("optout", recipients))

    async def block(self, *recipients: Evidence | str) -> ConsentReport:
        """See ``Consents.block``."""
        return await self._runner.run(change("blocklist", recipients))

    async def unblock(self, *recipients: Evidence | str) -> ConsentReport:
        """See ``Consents.unblock``."""
        return await self._runner.run(change("whitelist", recipients))
