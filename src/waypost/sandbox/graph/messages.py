"""POST /{phone_number_id}/messages: the hot path, plain ASGI in front of every framework."""

import asyncio
import hashlib
import time
from dataclasses import dataclass
from typing import Any

import orjson

from waypost.sandbox import ids
from waypost.sandbox.clock import monotonic_us, now_us
from waypost.sandbox.delivery import (
    PLAN_DELIVERED,
    PLAN_FAILED,
    PLAN_READ,
    PLAN_SENT,
    Delivery,
)
from waypost.sandbox.faults import FaultRule, Faults, shaped_plan
from waypost.sandbox.graph.call import authorise, number_of
from waypost.sandbox.graph.errors import GraphError, invalid, malformed
from waypost.sandbox.graph.faulty import FaultPlayer
from waypost.sandbox.graph.groups import GroupEndpoints
from waypost.sandbox.graph.links import LinkFetcher
from waypost.sandbox.graph.templates import Templates
from waypost.sandbox.graph.validation import MEDIA_TYPES, check_message
from waypost.sandbox.groups import Group
from waypost.sandbox.ledger import Accepted, Ledger, Plan
from waypost.sandbox.limits import TokenBuckets
from waypost.sandbox.media_store import MediaStore
from waypost.sandbox.network import Network, Number, Phone, digits_of
from waypost.sandbox.wire import BodyTooLargeError, ClientGoneError, Receive, Scope, Send, read_body, send_bytes

BODY_BYTES_MAX = 4 * 1024 * 1024
_JSON = ((b"content-type", b"application/json; charset=UTF-8"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Arrival:
    phone_number_id: str
    at_us: int
    at_monotonic_us: int


class MessagesEndpoint:
    """Take in messages and read receipts for one phone number id at a time."""

    def __init__(
        self,
        *,
        network: Network,
        ledger: Ledger,
        media: MediaStore,
        templates: Templates,
        delivery: Delivery,
        faults: Faults,
        player: FaultPlayer,
        links: LinkFetcher,
        groups: GroupEndpoints,
        pairs: TokenBuckets,
    ) -> None:
        self._network = network
        self._ledger = ledger
        self._media = media
        self._templates = templates
        self._delivery = delivery
        self._faults = faults
        self._player = player
        self._links = links
        self._groups = groups
        self._pairs = pairs

    async def __call__(self, scope: Scope, receive: Receive, send: Send, phone_number_id: str) -> None:
        arrival = _Arrival(phone_number_id=phone_number_id, at_us=now_us(), at_monotonic_us=monotonic_us())
        to = ""
        is_message = True
        try:
            raw = await read_body(receive, body_bytes_max=BODY_BYTES_MAX)
            body = _parsed(raw)
            is_message = "status" not in body
            to = _named_recipient(body)
            grant = authorise(self._network, scope)
            number = number_of(self._network, grant, phone_number_id, "POST")
            names = (phone_number_id, number.display_phone_number)
            if not is_message:
                if await self._player.before(scope, receive, send, keys=names, target="receipts") is not None:
                    return
                await send_bytes(send, status=200, body=self._mark_read(number, body), headers=_JSON)
                return
            rule = await self._player.before(scope, receive, send, keys=(*names, to), target="messages")
            if rule is not None and rule.kind not in _AFTER_KINDS:
                self._refuse(arrival, to, outcome=rule.kind, code=0)
                return
            entry, answer = self._accept(number, body, raw, arrival)
        except GraphError as error:
            if is_message:
                self._refuse(arrival, to, outcome="refused", code=error.code)
            await self._player.send_error(send, error)
            return
        except BodyTooLargeError:
            await self._player.send_error(send, malformed("The request body is too large."))
            return
        except ClientGoneError:
            return
        await self._answer(scope, receive, send, entry=entry, answer=answer, rule=rule)

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, *, entry: Accepted, answer: bytes, rule: FaultRule | None
    ) -> None:
        early = self._faults.match("early", (entry.phone_number_id, entry.to)) if entry.plan else None
        if not entry.plan:
            self.fetch_link(entry)
        elif early is not None:
            await self._delivery.wait_until_told(entry, timeout_seconds=early.parameters["seconds"])
        if rule is not None:
            if early is None and entry.plan:
                self._delivery.advance(entry)
            await self._player.after(scope, receive, send, rule=rule, answer=answer)
            return
        await send_bytes(send, status=200, body=answer, headers=_JSON)
        self._ledger.answered(entry)
        if early is None and entry.plan:
            # In the next turn of the loop, so that the answer is on its way before the first webhook.
            asyncio.get_running_loop().call_soon(self._delivery.advance, entry)

    def _refuse(self, arrival: _Arrival, to: str, *, outcome: str, code: int) -> None:
        self._ledger.refuse(
            phone_number_id=arrival.phone_number_id,
            to=to,
            outcome=outcome,
            code=code,
            arrival_us=arrival.at_us,
            arrival_monotonic_us=arrival.at_monotonic_us,
        )

    def _accept(self, number: Number, body: dict[str, Any], raw: bytes, arrival: _Arrival) -> tuple[Accepted, bytes]:
        kind = check_message(body)
        if number.status != "CONNECTED":
            raise GraphError(133010, "The phone number is not registered on the WhatsApp Business Platform.")
        recipient = self._recipient(number, kind, body)
        name = recipient.group_id if isinstance(recipient, Group) else recipient.number
        if kind in MEDIA_TYPES:
            self._check_media(number, kind, body[kind])
        elif kind == "template":
            self._templates.check_send(number.waba_id, body["template"])
        now = time.monotonic()
        if not self._network.buckets[number.phone_number_id].take(now):
            raise GraphError(130429, "Cloud API message throughput has been reached.")
        if not self._pairs.take(f"{number.phone_number_id} {name}", now):
            raise GraphError(
                131056,
                "Too many messages sent from the sender phone number to the same recipient phone number in a short "
                "period of time.",
            )
        category = "service" if kind != "template" else self._templates.category_of(number.waba_id, body["template"])
        plan, failed_code = self._outcome(number, recipient, category, body, arrival.at_us)
        entry = Accepted(
            sequence=self._ledger.next_sequence(),
            wamid=ids.outbound_wamid(name if isinstance(recipient, Group) else recipient.wa_id),
            phone_number_id=number.phone_number_id,
            to=name,
            type=kind,
            token=body.get("biz_opaque_callback_data"),
            body=raw,
            body_sha256=hashlib.sha256(raw).hexdigest(),
            arrival_us=arrival.at_us,
            arrival_monotonic_us=arrival.at_monotonic_us,
            plan=plan,
            failed_code=failed_code,
            category=category,
            by_user_id=body.get("to") is None,
        )
        if self._faults.families:
            self._bend(entry, (number.phone_number_id, number.display_phone_number, name))
        self._ledger.accept(entry)
        if isinstance(recipient, Group):
            self._delivery.receipts.open(entry, list(recipient.participants))
        else:
            recipient.thread.append(entry)
            self._network.changes.message(recipient.number, entry.wamid)
        return entry, _answer_to(body, entry, recipient)

    def _recipient(self, number: Number, kind: str, body: dict[str, Any]) -> Phone | Group:
        if body.get("recipient_type") == "group":
            return self._groups.recipient(number, kind, body)
        to = body.get("to")
        if to is None:
            phone = self._network.phone_by_user_id(body["recipient"])
            if phone is None:
                raise invalid("Param recipient is not a known business-scoped user id.")
            return phone
        digits = digits_of(to)
        if not 5 <= len(digits) <= 20:
            raise invalid("Param to is not a valid phone number.")
        if digits == number.display_phone_number:
            raise GraphError(131021, "Recipient phone number cannot be the same as the sender phone number.")
        return self._network.phone(digits)

    def _check_media(self, number: Number, kind: str, node: dict[str, Any]) -> None:
        media_id = node.get("id")
        if media_id is None:
            return
        medium = self._media.find(media_id)
        if medium is None or medium.phone_number_id != number.phone_number_id:
            raise invalid(f"Media id {media_id} does not exist or belongs to another phone number.")
        self._links.check_kind(kind, medium)

    def _outcome(
        self, number: Number, recipient: Phone | Group, category: str, body: dict[str, Any], at_us: int
    ) -> tuple[Plan, int]:
        kind = body.get("type", "text")
        if isinstance(recipient, Group):
            return self._group_outcome(number, recipient, body, at_us)
        phone = recipient
        if not phone.on_whatsapp:
            return PLAN_FAILED, 131026
        if phone.opted_out == "all":
            return PLAN_FAILED, 131050
        if kind == "template":
            if phone.opted_out == "marketing" and category == "marketing":
                return PLAN_FAILED, 131050
        elif not self._network.is_window_open(phone_number_id=number.phone_number_id, phone=phone.number, now_us=at_us):
            return PLAN_FAILED, 131047
        if kind == "reaction":
            target = body["reaction"]["message_id"]
            known = self._network.inbound.get(target) or self._ledger.by_wamid.get(target)
            return (PLAN_FAILED, 131009) if known is None else (PLAN_SENT, 0)
        if kind in MEDIA_TYPES and "link" in body[kind]:
            return (), 0
        return (PLAN_READ if phone.reads == "auto" else PLAN_DELIVERED), 0

    def _group_outcome(self, number: Number, group: Group, body: dict[str, Any], at_us: int) -> tuple[Plan, int]:
        """Return the plan up to `sent`; what the members do with it follows from there."""
        kind = body.get("type", "text")
        is_open = self._network.is_window_open(
            phone_number_id=number.phone_number_id, phone=group.group_id, now_us=at_us
        )
        if not is_open and kind not in ("template", "pin"):
            return PLAN_FAILED, 131047
        return ((), 0) if kind in MEDIA_TYPES and "link" in body[kind] else (PLAN_SENT, 0)

    def fetch_link(self, entry: Accepted) -> None:
        """Fetch the link of an undecided message, and let that decide what becomes of it."""
        link = orjson.loads(entry.body)[entry.type]["link"]
        self._links.fetch(link, wamid=entry.wamid, kind=entry.type, number=entry.phone_number_id, then=self._fetched)

    def _fetched(self, wamid: str, is_good: bool) -> None:  # noqa: FBT001 - what the fetch found out
        entry = self._ledger.by_wamid[wamid]
        if not is_good:
            self._delivery.decide(entry, PLAN_FAILED, 131053)
            return
        if entry.is_group:
            plan = PLAN_SENT
        else:
            plan = PLAN_READ if self._network.phone(entry.to).reads == "auto" else PLAN_DELIVERED
        order = self._faults.match("order", (entry.phone_number_id, entry.to))
        self._delivery.decide(entry, plan if order is None else shaped_plan(plan, order), 0)

    def _bend(self, entry: Accepted, keys: tuple[str, ...]) -> None:
        outcome = self._faults.match("outcome", keys)
        if outcome is not None:
            entry.failed_code = outcome.parameters["code"]
            entry.plan = PLAN_FAILED if outcome.parameters["after"] == "accepted" else ("sent", "failed")
        order = self._faults.match("order", keys) if entry.plan else None
        if order is not None:
            entry.plan = shaped_plan(entry.plan, order)
        delay = self._faults.match("delay", keys)
        if delay is not None:
            entry.delay_seconds = delay.parameters["seconds"]

    def _mark_read(self, number: Number, body: dict[str, Any]) -> bytes:
        if body.get("messaging_product") != "whatsapp":
            raise GraphError(100, "The parameter messaging_product is required and must be whatsapp.")
        if body["status"] != "read":
            raise malformed("Param status must be one of {READ}.")
        wamid = body.get("message_id")
        if not isinstance(wamid, str):
            raise GraphError(131008, "The parameter message_id is required.")
        inbound = self._network.inbound.get(wamid)
        if inbound is None or inbound.phone_number_id != number.phone_number_id:
            raise invalid("Param message_id is not the id of a message that this number received.")
        typing = body.get("typing_indicator")
        if typing is not None and (not isinstance(typing, dict) or typing.get("type") != "text"):
            raise invalid("Param typing_indicator['type'] must be text.")
        self._network.mark_read(inbound, is_typing=typing is not None)
        return b'{"success":true}'


# Kinds that let the message in and spoil the answer.
_AFTER_KINDS = frozenset({"reset_after", "lost_answer", "truncated"})


def _parsed(raw: bytes) -> dict[str, Any]:
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise malformed("The request body is not valid JSON.") from error
    if not isinstance(body, dict):
        raise malformed("The request body must be a JSON object.")
    return body


def _named_recipient(body: dict[str, Any]) -> str:
    to = body.get("to")
    if isinstance(to, str):
        return to if body.get("recipient_type") == "group" else digits_of(to)
    recipient = body.get("recipient")
    return recipient if isinstance(recipient, str) else ""


def _answer_to(body: dict[str, Any], entry: Accepted, recipient: Phone | Group) -> bytes:
    message = {"id": entry.wamid}
    if isinstance(recipient, Group):
        contact = {"input": recipient.group_id, "wa_id": recipient.group_id}
        message["group_id"] = recipient.group_id
    elif entry.by_user_id:
        contact = {"input": body["recipient"], "user_id": recipient.user_id}
    else:
        contact = {"input": body["to"], "wa_id": recipient.wa_id}
    if entry.type == "template":
        message["message_status"] = "accepted"
    return orjson.dumps({"messaging_product": "whatsapp", "contacts": [contact], "messages": [message]})
