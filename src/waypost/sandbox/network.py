"""The world the sandbox plays: business accounts and numbers, tokens, phones, and who wrote to whom when."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from waypost.sandbox import ids
from waypost.sandbox.changes import Changes
from waypost.sandbox.clock import now_us
from waypost.sandbox.journal import Journal
from waypost.sandbox.ledger import Accepted
from waypost.sandbox.limits import RateBucket


@dataclass(slots=True, kw_only=True)
class BusinessAccount:
    """One WhatsApp Business Account (WABA)."""

    waba_id: str
    name: str = "Sandbox business"
    is_subscribed: bool = True
    override_callback_url: str = ""


@dataclass(slots=True, kw_only=True)
class Number:
    """One business phone number.

    `callback_url` is the app's callback; `override_callback_url` the number's own, set through the Graph API.
    `display_phone_number` is digits. `rate` is messages a second, 0 = unlimited, None = the sandbox's default.
    `groups`: `on`, `off` (not eligible) or `creation_off` (asked for in vain).
    """

    phone_number_id: str
    display_phone_number: str
    waba_id: str
    access_token: str
    app_secret: str
    callback_url: str = ""
    verify_token: str = ""
    rate: float | None = None
    verified_name: str = "Sandbox number"
    status: str = "CONNECTED"
    groups: str = "on"
    override_callback_url: str = ""
    profile: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    blocked_users: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Inbound:
    """One message from a phone to a business number; `message` is the Cloud API's webhook object."""

    wamid: str
    phone_number_id: str
    phone: str
    at_us: int
    message: dict[str, Any]
    acknowledged: bool = False
    read_us: int = 0
    typing_us: int = 0

    @property
    def group_id(self) -> str | None:
        """The group it was written into; None: to the number itself."""
        group_id: str | None = self.message.get("group_id")
        return group_id


@dataclass(slots=True, kw_only=True)
class Phone:
    """One virtual phone.

    `reads`: auto (at once when delivered), manual (when told) or never. `blocks`: True for every business, or a list
    of phone number ids and display numbers. `opted_out`: `no`, `marketing` or `all`.
    """

    number: str
    wa_id: str
    user_id: str
    name: str
    username: str | None = None
    online: bool = True
    reads: str = "auto"
    blocks: bool | list[str] = False
    on_whatsapp: bool = True
    opted_out: str = "no"
    username_only: bool = False
    thread: list[Accepted | Inbound] = field(default_factory=list, repr=False)
    parked: list[Accepted] = field(default_factory=list, repr=False)

    def has_blocked(self, number: Number) -> bool:
        if isinstance(self.blocks, bool):
            return self.blocks
        return number.phone_number_id in self.blocks or number.display_phone_number in self.blocks

    def contact(self) -> dict[str, Any]:
        """Return the `contacts[]` element of webhooks."""
        profile = {"name": self.name}
        if self.username is not None:
            profile["username"] = self.username
        contact: dict[str, Any] = {"profile": profile}
        if not self.username_only:
            contact["wa_id"] = self.wa_id
        contact["user_id"] = self.user_id
        return contact

    def record(self) -> dict[str, Any]:
        """Return the settings of the phone, without its messages."""
        skipped = ("thread", "parked")
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in skipped}


class Network:
    """All state of the world, in memory; each change is also written to the journal."""

    def __init__(self, journal: Journal, *, default_rate: float, window_seconds: float) -> None:
        self._journal = journal
        self._default_rate = default_rate
        self._window_us = int(window_seconds * 1e6)
        self.numbers: dict[str, Number] = {}
        self.accounts: dict[str, BusinessAccount] = {}
        self.phones: dict[str, Phone] = {}
        self.inbound: dict[str, Inbound] = {}
        self.buckets: dict[str, RateBucket] = {}
        self._by_display: dict[str, str] = {}
        self._by_wa_id: dict[str, str] = {}
        self._by_user_id: dict[str, str] = {}
        self._tokens: dict[str, set[str]] = {}
        self._expired: set[str] = set()
        self._last_inbound_us: dict[tuple[str, str], int] = {}
        self.members_of: Callable[[str], list[str]] = lambda _group_id: []
        self.changes = Changes()

    def register_number(
        self,
        *,
        phone_number_id: str,
        display_phone_number: str,
        waba_id: str,
        access_token: str,
        app_secret: str,
        callback_url: str = "",
        verify_token: str = "",
        rate: float | None = None,
        verified_name: str = "Sandbox number",
    ) -> Number:
        """Put a business number on the network; a second call with the same id changes it.

        `display_phone_number` may be written with signs and spaces; its digits are kept. No verification handshake
        is made for `callback_url`.
        """
        number = self.numbers.get(phone_number_id)
        changes: dict[str, Any] = {
            "display_phone_number": digits_of(display_phone_number),
            "waba_id": waba_id,
            "access_token": access_token,
            "app_secret": app_secret,
            "callback_url": callback_url,
            "verify_token": verify_token,
            "rate": rate,
            "verified_name": verified_name,
        }
        if number is None:
            number = Number(phone_number_id=phone_number_id, **changes)
        else:
            number = dataclasses.replace(number, **changes)
        self.save_number(number)
        return number

    def save_number(self, number: Number) -> None:
        """Take in a new or changed number."""
        self._put_number(number)
        self._journal.write({"kind": "number", **dataclasses.asdict(number)})

    def save_account(self, account: BusinessAccount) -> None:
        self.accounts[account.waba_id] = account
        self._journal.write({"kind": "account", **dataclasses.asdict(account)})

    def set_token(self, token: str, *, is_expired: bool) -> None:
        """Expire an access token, or make it good again."""
        (self._expired.add if is_expired else self._expired.discard)(token)
        self._journal.write({"kind": "token", "token": token, "expired": is_expired})

    def token_state(self, token: str) -> set[str] | None:
        """Return the WABA ids a token may see; None for an unknown token."""
        return self._tokens.get(token)

    def is_expired(self, token: str) -> bool:
        return token in self._expired

    def number_for(self, name: str) -> Number | None:
        """Return the business number with this phone_number_id or display number."""
        return self.numbers.get(name) or self.numbers.get(self._by_display.get(digits_of(name), ""))

    def phone(self, number: str) -> Phone:
        """Return the phone with these digits, made on demand: on WhatsApp, online, reading at once."""
        phone = self.phones.get(number) or self.phones.get(self._by_wa_id.get(number, ""))
        if phone is None:
            phone = Phone(number=number, wa_id=number, user_id=ids.user_id(number), name=f"Phone {number[-4:]}")
            self._put_phone(phone)
        return phone

    def find_phone(self, number: str) -> Phone | None:
        return self.phones.get(number) or self.phones.get(self._by_wa_id.get(number, ""))

    def phone_by_user_id(self, user_id: str) -> Phone | None:
        return self.phones.get(self._by_user_id.get(user_id, ""))

    def save_phone(self, phone: Phone) -> None:
        self._put_phone(phone)
        self._journal.write({"kind": "phone", **phone.record()})

    def add_inbound(self, inbound: Inbound) -> None:
        """Keep a message a phone wrote; it opens the window of the number and the phone, or the group it is in."""
        self._put_inbound(inbound)
        record = {f.name: getattr(inbound, f.name) for f in dataclasses.fields(inbound)}
        self._journal.write({"kind": "inbound", **record})

    def mark_acknowledged(self, wamids: list[str]) -> None:
        """Note that a webhook receiver has these inbound messages."""
        for wamid in wamids:
            inbound = self.inbound[wamid]
            inbound.acknowledged = True
            self.changes.message(inbound.phone, wamid)
        self._journal.write_soon({"kind": "acknowledged", "wamids": wamids})

    def mark_read(self, inbound: Inbound, *, is_typing: bool) -> None:
        """Show the phone that the business has read this message and all before it, and perhaps that it types."""
        at_us = now_us()
        self._put_read(inbound, at_us)
        if is_typing:
            inbound.typing_us = at_us
        self.changes.message(inbound.phone, inbound.wamid)
        self._journal.write_soon({"kind": "business_read", "wamid": inbound.wamid, "at_us": at_us})

    def _put_read(self, inbound: Inbound, at_us: int) -> None:
        if inbound.group_id is not None:
            # In groups messages are marked read one by one.
            inbound.read_us = inbound.read_us or at_us
            return
        for other in reversed(self.phone(inbound.phone).thread):
            if not isinstance(other, Inbound) or other.group_id is not None:
                continue
            if other.phone_number_id == inbound.phone_number_id:
                if other.at_us > inbound.at_us:
                    continue
                if other.read_us:
                    break
                other.read_us = at_us
                self.changes.message(other.phone, other.wamid)

    def is_window_open(self, *, phone_number_id: str, phone: str, now_us: int) -> bool:
        last_us = self._last_inbound_us.get((phone_number_id, phone))
        return last_us is not None and now_us - last_us < self._window_us

    def windows_of(self, phone: str) -> dict[str, int]:
        """Return when the phone, or anybody in the group, last wrote, by phone number id, in microseconds."""
        return {number: at for (number, writer), at in self._last_inbound_us.items() if writer == phone}

    def close_windows(self, phone: str) -> None:
        """Forget that the phone, or anybody in the group, ever wrote, so that only templates get there."""
        for key in [key for key in self._last_inbound_us if key[1] == phone]:
            del self._last_inbound_us[key]
        self._journal.write({"kind": "windows_closed", "phone": phone})

    def replay(self, record: dict[str, Any]) -> None:
        """Take back one journal line that a `save_…`, `set_…` or `add_…` wrote; others are not ours."""
        kind = record.pop("kind")
        match kind:
            case "number":
                self._put_number(Number(**record))
            case "account":
                self.accounts[record["waba_id"]] = BusinessAccount(**record)
            case "token":
                (self._expired.add if record["expired"] else self._expired.discard)(record["token"])
            case "phone":
                self._put_phone(Phone(**record))
            case "inbound":
                self._put_inbound(Inbound(**record))
            case "acknowledged":
                for wamid in record["wamids"]:
                    self.inbound[wamid].acknowledged = True
            case "business_read":
                self._put_read(self.inbound[record["wamid"]], record["at_us"])
            case "windows_closed":
                for key in [key for key in self._last_inbound_us if key[1] == record["phone"]]:
                    del self._last_inbound_us[key]
            case _:
                pass

    def _put_number(self, number: Number) -> None:
        before = self.numbers.get(number.phone_number_id)
        if before is not None:
            self._by_display.pop(before.display_phone_number, None)
        self.numbers[number.phone_number_id] = number
        self._by_display[number.display_phone_number] = number.phone_number_id
        self._tokens = {}
        for one in self.numbers.values():
            self._tokens.setdefault(one.access_token, set()).add(one.waba_id)
        if number.waba_id not in self.accounts:
            self.accounts[number.waba_id] = BusinessAccount(waba_id=number.waba_id)
        rate = self._default_rate if number.rate is None else number.rate
        bucket = self.buckets.setdefault(number.phone_number_id, RateBucket(rate))
        bucket.rate = rate
        self.changes.directory()

    def _put_phone(self, phone: Phone) -> None:
        before = self.phones.get(phone.number)
        if before is not None and before is not phone:
            phone.thread, phone.parked = before.thread, before.parked
            self._by_wa_id.pop(before.wa_id, None)
            self._by_user_id.pop(before.user_id, None)
        self.phones[phone.number] = phone
        self._by_wa_id[phone.wa_id] = phone.number
        self._by_user_id[phone.user_id] = phone.number
        self.changes.directory()

    def _put_inbound(self, inbound: Inbound) -> None:
        self.inbound[inbound.wamid] = inbound
        self.phone(inbound.phone).thread.append(inbound)
        self.changes.message(inbound.phone, inbound.wamid)
        if inbound.group_id is not None:
            for number in self.members_of(inbound.group_id):
                if number != inbound.phone:
                    self.phone(number).thread.append(inbound)
                    self.changes.message(number, inbound.wamid)
        self._last_inbound_us[(inbound.phone_number_id, inbound.group_id or inbound.phone)] = inbound.at_us


def digits_of(text: str) -> str:
    """Return the digits of a phone number as people write it; other signs are dropped."""
    bare = text.removeprefix("+")
    return bare if bare.isdecimal() and bare.isascii() else "".join(c for c in text if c in "0123456789")
