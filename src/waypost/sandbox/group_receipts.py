"""What becomes of a message to a group: each member gets it and reads it, and one webhook tells of several."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from waypost.sandbox.callbacks import Update
from waypost.sandbox.clock import now_us
from waypost.sandbox.groups import metadata_of
from waypost.sandbox.journal import Journal
from waypost.sandbox.ledger import Accepted, Ledger
from waypost.sandbox.network import Network, Phone


@dataclass(slots=True, kw_only=True)
class Receipt:
    """When one member got and read a message, in microseconds, 0 = not yet; `told` once a receiver has it."""

    delivered_us: int = 0
    read_us: int = 0
    delivered_told: bool = False
    read_told: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupTold:
    """One status of one message for several members, on its way to the webhook receiver."""

    entry: Accepted
    status: str
    phones: tuple[str, ...]


class GroupReceipts:
    """
    Carry group messages from `sent` on, member by member.

    Members whose phones take the same step at the same time share one webhook: many statuses, of one message, one
    group and one word. A member's `read` waits until its `delivered` has been acknowledged.
    """

    def __init__(self, *, network: Network, ledger: Ledger, journal: Journal, send: Callable[[Update], None]) -> None:
        self._network = network
        self._ledger = ledger
        self._journal = journal
        self._send = send
        self._receipts: dict[str, dict[str, Receipt]] = {}

    def open(self, entry: Accepted, members: list[str]) -> None:
        """Keep who is to get a message that was just accepted, and show it on their phones."""
        self._receipts[entry.wamid] = {number: Receipt() for number in members}
        self._journal.write({"kind": "group_message", "wamid": entry.wamid, "members": members})
        for number in members:
            self._network.phone(number).thread.append(entry)
            self._network.changes.message(number, entry.wamid)

    def members_of(self, wamid: str) -> list[str]:
        return list(self._receipts.get(wamid, ()))

    def receipt(self, wamid: str, number: str) -> Receipt:
        """Return what one member did with a message."""
        return self._receipts.get(wamid, {}).get(number) or Receipt()

    def resume(self) -> None:
        """Take up every message that is sent and not yet with all members."""
        for wamid in self._receipts:
            entry = self._ledger.by_wamid.get(wamid)
            if entry is not None:
                self.settle(entry)

    def settle(self, entry: Accepted) -> None:
        """Begin with the members, once a message's own statuses are through; a failed one reaches nobody."""
        if _is_sent(entry):
            self.advance(entry)

    def advance(self, entry: Accepted) -> None:
        """Let every member whose phone is there get a message that has been sent, and read what was got."""
        receipts = self._receipts.get(entry.wamid, {})
        self._take(entry, "delivered", [n for n, one in receipts.items() if not one.delivered_told])
        self._take(entry, "read", [n for n, one in receipts.items() if one.delivered_told and not one.read_told])

    def phone_changed(self, phone: Phone) -> None:
        """Let a phone that came online, or unblocked someone, take what waited for it."""
        for entry in self._group_messages(phone):
            self.settle(entry)

    def read(self, phone: Phone, wamids: set[str] | None) -> list[str]:
        """Let one member read the given messages, or all, that were delivered; return their ids."""
        read: list[str] = []
        for entry in self._group_messages(phone):
            receipt = self.receipt(entry.wamid, phone.number)
            if (wamids is None or entry.wamid in wamids) and receipt.delivered_told and not receipt.read_us:
                read.append(entry.wamid)
                self._step(entry, "read", [phone.number])
        return read

    def acknowledged(self, told: GroupTold) -> None:
        """Note that a receiver has a status, and go on with these members."""
        receipts = self._receipts[told.entry.wamid]
        for number in told.phones:
            setattr(receipts[number], f"{told.status}_told", True)
        at_us = getattr(receipts[told.phones[0]], f"{told.status}_us")
        self._journal.write_soon(
            {
                "kind": "group_told",
                "wamid": told.entry.wamid,
                "status": told.status,
                "phones": told.phones,
                "at_us": at_us,
            }
        )
        if told.status == "delivered":
            self._take(told.entry, "read", told.phones)

    def replay(self, record: dict[str, Any]) -> None:
        """Take back one journal line of ours; others are left alone."""
        if record["kind"] == "group_message":
            self._receipts[record["wamid"]] = {number: Receipt() for number in record["members"]}
        elif record["kind"] == "group_told" and record["wamid"] in self._receipts:
            for number in record["phones"]:
                receipt = self._receipts[record["wamid"]][number]
                setattr(receipt, f"{record['status']}_us", record["at_us"])
                setattr(receipt, f"{record['status']}_told", True)

    def _take(self, entry: Accepted, status: str, numbers: Iterable[str]) -> None:
        """Take a step for those of the members whose phones take it by themselves."""
        business = self._network.numbers[entry.phone_number_id]
        phones = [self._network.phone(number) for number in numbers]
        there = [phone for phone in phones if phone.online and not phone.has_blocked(business)]
        willing = there if status == "delivered" else [phone for phone in there if phone.reads == "auto"]
        self._step(entry, status, [phone.number for phone in willing])

    def _step(self, entry: Accepted, status: str, numbers: list[str]) -> None:
        receipts = self._receipts[entry.wamid]
        fresh = [number for number in numbers if not getattr(receipts[number], f"{status}_us")]
        if not fresh:
            return
        at_us = now_us()
        for number in fresh:
            setattr(receipts[number], f"{status}_us", at_us)
            self._network.changes.message(number, entry.wamid)
        if not getattr(entry, f"{status}_us"):
            setattr(entry, f"{status}_us", at_us)
        self._tell(entry, status, tuple(fresh), at_us)

    def _tell(self, entry: Accepted, status: str, numbers: tuple[str, ...], at_us: int) -> None:
        business = self._network.numbers[entry.phone_number_id]
        phones = [self._network.phone(number) for number in numbers]
        statuses = []
        for phone in phones:
            item = group_status_item(entry, status, at_us)
            if not phone.username_only:
                item["recipient_participant_id"] = phone.wa_id
            item["recipient_participant_user_id"] = phone.user_id
            if status == "delivered":
                item["pricing"] = _pricing(entry)
            statuses.append(item)
        value = {
            "messaging_product": "whatsapp",
            "metadata": metadata_of(business),
            "contacts": [phone.contact() for phone in phones],
            "statuses": statuses,
        }
        subject = GroupTold(entry=entry, status=status, phones=numbers)
        self._send(Update(number=business, field="messages", part="value", item=value, contact=None, subject=subject))

    def _group_messages(self, phone: Phone) -> list[Accepted]:
        return [entry for entry in phone.thread if isinstance(entry, Accepted) and entry.is_group]


def group_status_item(entry: Accepted, status: str, at_us: int) -> dict[str, Any]:
    """Return what every status of a group message says."""
    item: dict[str, Any] = {
        "id": entry.wamid,
        "status": status,
        "timestamp": str(at_us // 1_000_000),
        "recipient_id": entry.to,
        "recipient_type": "group",
    }
    if entry.token is not None:
        item["biz_opaque_callback_data"] = entry.token
    return item


def _is_sent(entry: Accepted) -> bool:
    return "sent" in entry.plan and "failed" not in entry.plan and entry.position >= len(entry.plan) > 0


def _pricing(entry: Accepted) -> dict[str, Any]:
    """Return the price of one member's copy: groups are charged by delivered participant."""
    is_free = entry.category == "service"
    kind = "free_group_customer_service" if is_free else "regular"
    return {"billable": not is_free, "pricing_model": "PMP", "type": kind, "category": f"group_{entry.category}"}
