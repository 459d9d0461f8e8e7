"""What the handset's page needs to know: who there is, and what each phone has."""

import dataclasses
from collections.abc import Iterable

from waypost.sandbox.delivery import Delivery
from waypost.sandbox.graph.errors import failed_status_errors
from waypost.sandbox.groups import Group, Groups
from waypost.sandbox.handset.contents import Contents
from waypost.sandbox.handset.reading import Spec
from waypost.sandbox.ledger import Accepted, Ledger
from waypost.sandbox.network import Inbound, Network, Phone

PHONES_MAX = 200
GROUPS_MAX = 200


class Views:
    """Views of the network as phones see it; no token or secret of a business is in them."""

    def __init__(
        self, *, network: Network, ledger: Ledger, groups: Groups, delivery: Delivery, contents: Contents
    ) -> None:
        self._network = network
        self._ledger = ledger
        self._groups = groups
        self._delivery = delivery
        self._contents = contents

    def directory(self, wanted: Iterable[str]) -> Spec:
        """Return all business numbers, the wanted phones and others up to PHONES_MAX, and groups."""
        network = self._network
        chosen = {number: phone for number in wanted if (phone := network.find_phone(number)) is not None}
        for phone in network.phones.values():
            if len(chosen) >= PHONES_MAX:
                break
            chosen.setdefault(phone.number, phone)
        numbers = [
            {"id": number.phone_number_id, "digits": number.display_phone_number, "name": number.verified_name}
            for number in network.numbers.values()
        ]
        groups = self._groups.every()[-GROUPS_MAX:]
        return {
            "numbers": numbers,
            "phones": [self._phone(phone) for phone in chosen.values()],
            "phones_total": len(network.phones),
            "groups": [self._group(group) for group in groups],
        }

    def thread(self, phone: Phone, *, before: int | None, limit: int) -> Spec:
        """Return `limit` messages before the one at index `before` (None: the newest), oldest first."""
        end = len(phone.thread) if before is None else min(before, len(phone.thread))
        start = max(0, end - limit)
        messages = [self.message(phone, entry) for entry in phone.thread[start:end]]
        return {"messages": messages, "before": start or None, "total": len(phone.thread)}

    def changed(self, number: str, wamid: str) -> Spec | None:
        """Return a message that was told of by `Changes`; None when it is on no such phone any more."""
        phone = self._network.find_phone(number)
        entry = self._ledger.by_wamid.get(wamid) or self._network.inbound.get(wamid)
        return None if phone is None or entry is None else self.message(phone, entry)

    def message(self, phone: Phone, entry: Accepted | Inbound) -> Spec:
        """Return a message as this phone has it: written by it, by another of its group, or by a business."""
        if isinstance(entry, Accepted):
            return self._received(phone, entry)
        content, reply_to = self._contents.sent(entry)
        is_mine = entry.phone == phone.number
        state = "read" if entry.read_us else "delivered" if entry.acknowledged else "sent"
        context = entry.message.get("context")
        return {
            "id": entry.wamid,
            "chat": _chat(entry.phone_number_id, entry.group_id),
            "mine": is_mine,
            "author": None if is_mine else self._author(entry.phone),
            "time_ms": entry.at_us // 1000,
            "content": content,
            "reply_to": reply_to,
            "forwarded": isinstance(context, dict) and bool(context.get("forwarded")),
            "state": state if is_mine else "read",
            "typing_ms": entry.typing_us // 1000 if is_mine else 0,
        }

    def _received(self, phone: Phone, entry: Accepted) -> Spec:
        shown = entry
        if entry.is_group:
            receipt = self._delivery.receipts.receipt(entry.wamid, phone.number)
            shown = dataclasses.replace(entry, delivered_us=receipt.delivered_us, read_us=receipt.read_us)
        content, reply_to = self._contents.received(entry)
        is_here = shown.delivered_us or (entry.type == "reaction" and shown.sent_us)
        state = "read" if shown.read_us else "delivered" if is_here else "failed" if shown.failed_us else "waiting"
        view = {
            "id": entry.wamid,
            "chat": _chat(entry.phone_number_id, entry.to if entry.is_group else None),
            "mine": False,
            "author": None,
            "time_ms": entry.arrival_us // 1000,
            "content": content,
            "reply_to": reply_to,
            "forwarded": False,
            "state": state,
            "typing_ms": 0,
        }
        if state == "failed":
            error = failed_status_errors(entry.failed_code)[0]
            view["failure"] = {"code": entry.failed_code, "text": error["error_data"]["details"]}
        return view

    def _author(self, number: str) -> Spec:
        phone = self._network.find_phone(number)
        return {"number": number, "name": f"+{number}" if phone is None else phone.name}

    def _phone(self, phone: Phone) -> Spec:
        numbers = self._network.numbers.values()
        return {
            "number": phone.number,
            "name": phone.name,
            "online": phone.online,
            "reads": phone.reads,
            "on_whatsapp": phone.on_whatsapp,
            "opted_out": phone.opted_out,
            "blocked": [number.phone_number_id for number in numbers if phone.has_blocked(number)],
            "messages": len(phone.thread),
        }

    def _group(self, group: Group) -> Spec:
        return {
            "id": group.group_id,
            "number": group.phone_number_id,
            "subject": group.subject,
            "description": group.description,
            "invite_link": group.invite_link,
            "members": [self._author(number) for number in group.participants],
            "asked": list(group.join_requests.values()),
            "is_suspended": group.is_suspended,
            "is_deleted": group.is_deleted,
        }


def _chat(phone_number_id: str, group_id: str | None) -> str:
    """Return the chat a message stands in: of a business number, or of a group."""
    return f"number:{phone_number_id}" if group_id is None else f"group:{group_id}"
