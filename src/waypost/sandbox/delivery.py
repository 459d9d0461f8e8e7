"""From an accepted message to its statuses: what happens on the phone, in which order, and who is told."""

import asyncio
from typing import Any

from waypost.sandbox.callbacks import CallbackSender, Update
from waypost.sandbox.clock import now_us
from waypost.sandbox.faults import Faults
from waypost.sandbox.graph.errors import failed_status_errors
from waypost.sandbox.group_receipts import GroupReceipts, GroupTold, group_status_item
from waypost.sandbox.journal import Journal
from waypost.sandbox.ledger import Accepted, Ledger, Plan
from waypost.sandbox.network import Inbound, Network, Number, Phone
from waypost.sandbox.settings import SandboxSettings
from waypost.sandbox.tasks import BackgroundWork

PLAN_READ: Plan = ("sent", "delivered", "read")
PLAN_DELIVERED: Plan = ("sent", "delivered")
PLAN_SENT: Plan = ("sent",)
PLAN_FAILED: Plan = ("failed",)

# Statuses that need the phone to be there.
_NEED_PHONE = frozenset({"delivered", "read", "played", "-delivered", "-read"})


class Delivery:
    """Carry each accepted message through its plan, one step at a time.

    The next status of a message is handed to the webhook sender only when the one before it has been acknowledged,
    so a receiver that answers 200 sees each message's statuses in the order of its plan. Steps that need the phone
    wait until it is online. Of messages to groups only `sent` is a step here; the rest is `GroupReceipts`.
    """

    def __init__(
        self,
        *,
        settings: SandboxSettings,
        network: Network,
        ledger: Ledger,
        journal: Journal,
        faults: Faults,
        work: BackgroundWork,
    ) -> None:
        self._settings = settings
        self._network = network
        self._ledger = ledger
        self._journal = journal
        self._faults = faults
        self._work = work
        self._waiters: dict[str, asyncio.Future[None]] = {}
        self.receipts = GroupReceipts(network=network, ledger=ledger, journal=journal, send=self._send)
        self.callbacks = CallbackSender(
            settings=settings, work=work, url_of=self._callback_url, on_acknowledged=self._acknowledged
        )

    def resume(self) -> None:
        """Take up every message and inbound webhook that is not through; call once, after `start`."""
        for phone in self._network.phones.values():
            phone.parked.clear()
        for entry in self._ledger.by_wamid.values():
            if entry.plan and entry.position < len(entry.plan):
                self.advance(entry)
        self.receipts.resume()
        for inbound in self._network.inbound.values():
            if not inbound.acknowledged:
                self.tell_inbound(inbound)

    def advance(self, entry: Accepted) -> None:
        """Take the next step of a message, now or after the set delay."""
        delay = entry.delay_seconds or self._settings.status_delay_seconds
        if delay > 0 and entry.position < len(entry.plan):
            self._work.call_later(delay, lambda: self._step(entry))
        else:
            self._step(entry)

    def _step(self, entry: Accepted) -> None:
        while entry.position < len(entry.plan):
            status = entry.plan[entry.position]
            if status in _NEED_PHONE and not self._is_reachable(entry):
                self._network.phone(entry.to).parked.append(entry)
                break
            at_us = _tick(entry, status)
            self._network.changes.message(entry.to, entry.wamid)
            if not status.startswith("-"):
                self._tell_status(entry, status, at_us)
                return
            entry.position += 1
        if entry.is_group and entry.position >= len(entry.plan):
            self.receipts.settle(entry)
        waiter = self._waiters.pop(entry.wamid, None)
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def wait_until_told(self, entry: Accepted, *, timeout_seconds: float) -> None:
        """Return when every status that can come now has been acknowledged, or after the time-out."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters[entry.wamid] = waiter
        self.advance(entry)
        await asyncio.wait((waiter,), timeout=timeout_seconds)
        self._waiters.pop(entry.wamid, None)

    def phone_changed(self, phone: Phone) -> None:
        """Let a phone that came online, or unblocked someone, take what waited for it; read what it now reads."""
        parked, phone.parked = phone.parked, []
        for entry in parked:
            if phone.reads != "auto" and entry.plan[-1] == "read" and not entry.read_us:
                self.decide(entry, entry.plan[:-1], entry.failed_code)
            else:
                self._step(entry)
        self.receipts.phone_changed(phone)
        if phone.reads == "auto":
            self.read(phone, None)

    def read(self, phone: Phone, wamids: set[str] | None) -> list[str]:
        """Let the person open the chat: read the given messages, or all, that were delivered; return their ids."""
        read: list[str] = []
        for entry in phone.thread:
            if not isinstance(entry, Accepted) or entry.is_group or (wamids is not None and entry.wamid not in wamids):
                continue
            if entry.delivered_us and not entry.read_us and "read" not in entry.plan and "-read" not in entry.plan:
                read.append(entry.wamid)
        if read:
            self._journal.write({"kind": "read", "wamids": read})
        for wamid in read:
            self._extend(self._ledger.by_wamid[wamid], "read")
        return read + self.receipts.read(phone, wamids)

    def _extend(self, entry: Accepted, status: str) -> None:
        was_through = entry.position >= len(entry.plan)
        entry.plan = (*entry.plan, status)
        if was_through:
            self._step(entry)

    def decide(self, entry: Accepted, plan: Plan, failed_code: int) -> None:
        """Fix the plan of a message that was accepted undecided, and start it."""
        entry.plan = plan
        entry.failed_code = failed_code
        self._journal.write({"kind": "plan", "wamid": entry.wamid, "plan": plan, "failed_code": failed_code})
        self.advance(entry)

    def tell_inbound(self, inbound: Inbound) -> None:
        """Hand a phone's message to the webhook sender."""
        number = self._network.numbers[inbound.phone_number_id]
        phone = self._network.phone(inbound.phone)
        contact = None if inbound.message["type"] == "system" else phone.contact()
        update = Update(
            number=number, field="messages", part="messages", item=inbound.message, contact=contact, subject=inbound
        )
        self._send(update)

    def tell_field(self, number: Number, field: str, value: dict[str, Any]) -> None:
        """Post a webhook of another field than `messages`; it is not repeated over a restart."""
        self._send(Update(number=number, field=field, part="value", item=value, contact=None, subject=None))

    def replay(self, record: dict[str, Any]) -> None:
        """Take back one journal line of ours; others are left alone."""
        self.receipts.replay(record)
        match record["kind"]:
            case "told":
                for wamid, status, at_us in record["statuses"]:
                    entry = self._ledger.by_wamid.get(wamid)
                    if entry is not None:
                        self._replay_told(entry, status, at_us)
            case "read":
                for wamid in record["wamids"]:
                    entry = self._ledger.by_wamid.get(wamid)
                    if entry is not None:
                        entry.plan = (*entry.plan, "read")
            case "plan":
                entry = self._ledger.by_wamid.get(record["wamid"])
                if entry is not None:
                    entry.plan = tuple(record["plan"])
                    entry.failed_code = record["failed_code"]
            case _:
                pass

    @staticmethod
    def _replay_told(entry: Accepted, status: str, at_us: int) -> None:
        while entry.position < len(entry.plan) and entry.plan[entry.position] != status:
            _tick(entry, entry.plan[entry.position], at_us)
            entry.position += 1
        entry.position += 1
        _tick(entry, status, at_us)

    def _is_reachable(self, entry: Accepted) -> bool:
        phone = self._network.phone(entry.to)
        number = self._network.numbers[entry.phone_number_id]
        return phone.online and not phone.has_blocked(number)

    def _tell_status(self, entry: Accepted, status: str, at_us: int) -> None:
        number = self._network.numbers[entry.phone_number_id]
        if entry.is_group:
            item = group_status_item(entry, status, at_us)
            if status == "failed":
                item["errors"] = failed_status_errors(entry.failed_code)
            self._send(Update(number=number, field="messages", part="statuses", item=item, contact=None, subject=entry))
            return
        phone = self._network.phone(entry.to)
        contact = None if status == "failed" else phone.contact()
        item = self._status_item(entry, status, at_us, phone)
        self._send(Update(number=number, field="messages", part="statuses", item=item, contact=contact, subject=entry))

    def _status_item(self, entry: Accepted, status: str, at_us: int, phone: Phone) -> dict[str, Any]:
        item: dict[str, Any] = {"id": entry.wamid, "status": status, "timestamp": str(at_us // 1_000_000)}
        if not phone.username_only:
            item["recipient_id"] = phone.wa_id
        item["recipient_user_id"] = phone.user_id
        if entry.token is not None:
            item["biz_opaque_callback_data"] = entry.token
        if status == "failed":
            item["errors"] = failed_status_errors(entry.failed_code)
        elif status in ("sent", "delivered"):
            if self._settings.webhook_conversation:
                item["conversation"] = _conversation(entry, status, at_us)
            item["pricing"] = _pricing(entry)
        return item

    def _send(self, update: Update) -> None:
        account = self._network.accounts[update.number.waba_id]
        if not self._callback_url(update) or not account.is_subscribed or self._is_lost(update):
            self._acknowledged([update])
        else:
            self.callbacks.send(update)

    def _callback_url(self, update: Update) -> str:
        number = self._network.numbers[update.number.phone_number_id]
        if update.field != "messages":
            return number.callback_url
        account = self._network.accounts[number.waba_id]
        return number.override_callback_url or account.override_callback_url or number.callback_url

    def _is_lost(self, update: Update) -> bool:
        if "webhook" not in self._faults.families:
            return False
        number, subject = update.number, update.subject
        part = update.part
        match subject:
            case Accepted():
                other = subject.to
            case Inbound():
                other = subject.phone
            case GroupTold():
                other, part = subject.entry.to, "statuses"
            case _:
                other = ""
        keys = (number.phone_number_id, number.display_phone_number, other)
        return self._faults.match("webhook", keys, of=part) is not None

    def _acknowledged(self, updates: list[Update]) -> None:
        told: list[tuple[str, str, int]] = []
        inbound: list[str] = []
        entries: list[Accepted] = []
        for update in updates:
            subject = update.subject
            if isinstance(subject, Accepted):
                status = update.item["status"]
                told.append((subject.wamid, status, _tick(subject, status)))
                subject.position += 1
                entries.append(subject)
            elif isinstance(subject, Inbound):
                inbound.append(subject.wamid)
            elif isinstance(subject, GroupTold):
                self.receipts.acknowledged(subject)
        if told:
            self._journal.write_soon({"kind": "told", "statuses": told})
        if inbound:
            self._network.mark_acknowledged(inbound)
        for entry in entries:
            self.advance(entry)


def _tick(entry: Accepted, status: str, at_us: int | None = None) -> int:
    """Set the time of a step that happens for the first time; return the time at which it happened."""
    name = {"played": "read"}.get(status, status).lstrip("-") + "_us"
    happened_us: int = getattr(entry, name)
    if happened_us == 0:
        happened_us = now_us() if at_us is None else at_us
        setattr(entry, name, happened_us)
    return happened_us


def _pricing(entry: Accepted) -> dict[str, Any]:
    is_free = entry.category == "service"
    kind = "free_customer_service" if is_free else "regular"
    return {"billable": not is_free, "pricing_model": "PMP", "type": kind, "category": entry.category}


def _conversation(entry: Accepted, status: str, at_us: int) -> dict[str, Any]:
    conversation: dict[str, Any] = {"id": entry.wamid[-32:].lower()}
    if status == "sent":
        conversation["expiration_timestamp"] = str(at_us // 1_000_000 + 86_400)
    conversation["origin"] = {"type": entry.category}
    return conversation
