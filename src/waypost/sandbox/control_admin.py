"""The control API of everything but phones: numbers, tokens, templates, faults, the ledger."""

import bisect
import dataclasses
import secrets
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from waypost.sandbox import ids
from waypost.sandbox.control_errors import ControlError, answer, bad_request, json_body, page_of
from waypost.sandbox.faults import KINDS, FaultRuleError
from waypost.sandbox.graph.templates import CATEGORIES, QUALITIES, STATUSES
from waypost.sandbox.ledger import Accepted, Refused
from waypost.sandbox.network import Number, digits_of
from waypost.sandbox.wire import can_reset

if TYPE_CHECKING:
    from waypost.sandbox.app import Sandbox

_LEDGER_PAGE_MAX = 10_000
_TEXT_FIELDS = ("waba_id", "access_token", "app_secret", "callback_url", "verify_token", "verified_name", "status")
_GROUP_WORDS = ("on", "off", "creation_off")
_RESETTING = ("reset_before", "reset_after", "hang", "lost_answer")


class AdminControl:
    """Handlers under /sandbox/ for numbers, tokens, templates, faults and the ledger."""

    def __init__(self, sandbox: "Sandbox") -> None:
        self._sandbox = sandbox

    async def status(self, request: Request) -> Response:
        """Count what there is, for checkers that wait for the sandbox to fall silent."""
        del request
        sandbox, callbacks = self._sandbox, self._sandbox.delivery.callbacks
        entries = sandbox.ledger.by_wamid.values()
        counts = {
            "numbers": len(sandbox.network.numbers),
            "phones": len(sandbox.network.phones),
            "accepted": len(entries),
            "unsettled": sum(1 for entry in entries if not entry.plan or entry.position < len(entry.plan)),
            "inbound": len(sandbox.network.inbound),
            "unacknowledged_inbound": sum(1 for i in sandbox.network.inbound.values() if not i.acknowledged),
            "webhook_posts": callbacks.posts,
            "webhook_failures": callbacks.failures,
            "webhook_queue": callbacks.queue_depth(),
        }
        return answer(counts)

    async def list_numbers(self, request: Request) -> Response:
        del request
        return answer({"numbers": [self._number_view(n) for n in self._sandbox.network.numbers.values()]})

    async def show_number(self, request: Request) -> Response:
        return answer(self._number_view(self._number(request)))

    async def put_number(self, request: Request) -> Response:
        """Make a number, or change what is named in the body. A new one needs `display_phone_number` only."""
        body = await json_body(request)
        phone_number_id = request.path_params["phone_number_id"]
        if not (phone_number_id.isascii() and phone_number_id.isdecimal()):
            raise bad_request("A phone_number_id is digits.", "PUT /sandbox/numbers/110000000000001, for example.")
        unknown = sorted(set(body) - {*_TEXT_FIELDS, "display_phone_number", "rate", "groups", "phone_number_id"})
        if unknown:
            fields = ", ".join(("display_phone_number", "rate", "groups", *_TEXT_FIELDS))
            raise bad_request(f"A number has no {', '.join(unknown)}.", f"It has: {fields}.")
        changes = _number_changes(body)
        network = self._sandbox.network
        number = network.numbers.get(phone_number_id)
        if "display_phone_number" in changes:
            holder = network.number_for(changes["display_phone_number"])
            if holder is not None and holder.phone_number_id != phone_number_id:
                raise ControlError(
                    409,
                    "taken",
                    f"{changes['display_phone_number']} belongs to {holder.phone_number_id}.",
                    "Choose another display_phone_number.",
                )
        is_new = number is None
        if number is None:
            if "display_phone_number" not in changes:
                raise bad_request("A new number needs display_phone_number.", "Give its digits with the country code.")
            made = {
                "waba_id": ids.object_id(),
                "access_token": f"EAA{secrets.token_urlsafe(48)}",
                "app_secret": secrets.token_hex(16),
            }
            number = Number(phone_number_id=phone_number_id, **{**made, **changes})
        else:
            number = dataclasses.replace(number, **changes)
        network.save_number(number)
        return answer(self._number_view(number), 201 if is_new else 200)

    async def put_token(self, request: Request) -> Response:
        """Expire a token or make it good again."""
        body = await json_body(request)
        if not isinstance(body.get("expired"), bool):
            raise bad_request("expired must be true or false.", 'Send {"expired": true}.')
        self._sandbox.network.set_token(request.path_params["token"], is_expired=body["expired"])
        return answer({"token": request.path_params["token"], "expired": body["expired"]})

    async def put_template(self, request: Request) -> Response:
        """Decide about a template as Meta would: `status` with `reason`, `quality`, `category`; each is told of."""
        body = await json_body(request)
        template = self._sandbox.templates.find(request.path_params["template_id"])
        if template is None:
            raise ControlError(
                404, "no_such_template", "There is no such template.", "See GET /{waba}/message_templates."
            )
        words = {"status": STATUSES, "quality": QUALITIES, "category": CATEGORIES}
        if not words.keys() & body.keys():
            raise bad_request("Nothing to decide.", 'Send {"status": "PAUSED"}, for example, or quality or category.')
        for name, allowed in words.items():
            if name in body and body[name] not in allowed:
                raise bad_request(f"{name} is not one of a template.", f"Use one of: {', '.join(allowed)}.")
        if "category" in body:
            self._sandbox.set_template_category(template, body["category"])
        if "quality" in body:
            self._sandbox.set_template_quality(template, body["quality"])
        if "status" in body:
            self._sandbox.set_template_status(template, body["status"], str(body.get("reason", "NONE")))
        return answer(template.view())

    async def list_templates(self, request: Request) -> Response:
        """List all templates of all business accounts."""
        del request
        templates = self._sandbox.templates.every()
        return answer({"templates": [{**template.view(), "waba_id": template.waba_id} for template in templates]})

    async def list_faults(self, request: Request) -> Response:
        del request
        return answer({"faults": [rule.view() for rule in self._sandbox.faults.rules()], "kinds": list(KINDS)})

    async def add_fault(self, request: Request) -> Response:
        body = await json_body(request)
        if body.get("kind") in _RESETTING and not can_reset(request.scope):
            raise ControlError(
                409,
                "cannot_reset",
                "This server cannot reset connections.",
                "Run the sandbox on its own port (waypost sandbox), whose server can.",
            )
        try:
            rule = self._sandbox.faults.add(body)
        except FaultRuleError as error:
            hint = 'For example {"kind": "http_5xx", "status": 503, "count": 3}.'
            raise bad_request(f"The rule cannot be: {error}.", hint) from error
        return answer(rule.view(), 201)

    async def show_fault(self, request: Request) -> Response:
        wanted = request.path_params["rule_id"]
        for rule in self._sandbox.faults.rules():
            if rule.id == wanted:
                return answer(rule.view())
        raise _no_such_rule(wanted)

    async def delete_fault(self, request: Request) -> Response:
        rule = self._sandbox.faults.remove(request.path_params["rule_id"])
        if rule is None:
            raise _no_such_rule(request.path_params["rule_id"])
        return answer(rule.view())

    async def delete_faults(self, request: Request) -> Response:
        """Remove all faults, or all of the `kind` in the query; return what is left."""
        kind = request.query_params.get("kind")
        if kind not in (None, *KINDS):
            raise bad_request(f"There are no faults of the kind {kind}.", f"There are: {', '.join(KINDS)}.")
        self._sandbox.faults.clear(kind)
        return answer({"faults": [rule.view() for rule in self._sandbox.faults.rules()]})

    async def ledger(self, request: Request) -> Response:
        """Page through acceptances: `after` is the sequence of the last one seen."""
        entries = self._sandbox.ledger.accepted
        after, limit = page_of(request, limit_max=_LEDGER_PAGE_MAX, limit_default=1000)
        page = entries[(start := bisect.bisect_right(entries, after, key=_sequence)) : start + limit]
        more = page[-1].sequence if page and start + limit < len(entries) else None
        return answer({"entries": [entry.view() for entry in page], "total": len(entries), "next_after": more})

    async def starts(self, request: Request) -> Response:
        """Page through arrivals of POST /messages, also refused ones; with `before`, the newest of them first."""
        starts = self._sandbox.ledger.starts
        if "before" in request.query_params:
            return answer(_newest_starts(starts, request))
        after, limit = page_of(request, limit_max=_LEDGER_PAGE_MAX, limit_default=1000)
        page = starts[(start := bisect.bisect_right(starts, after, key=_sequence)) : start + limit]
        more = page[-1].sequence if page and start + limit < len(starts) else None
        return answer({"starts": [entry.start_view() for entry in page], "total": len(starts), "next_after": more})

    async def clear_ledger(self, request: Request) -> Response:
        del request
        self._sandbox.ledger.clear()
        return answer({"entries": [], "total": 0, "next_after": None})

    def _number(self, request: Request) -> Number:
        number = self._sandbox.network.number_for(request.path_params["phone_number_id"])
        if number is None:
            raise ControlError(404, "no_such_number", "There is no such number.", "GET /sandbox/numbers lists all.")
        return number

    def _number_view(self, number: Number) -> dict[str, Any]:
        account = self._sandbox.network.accounts[number.waba_id]
        return {
            **dataclasses.asdict(number),
            "rate": self._sandbox.network.buckets[number.phone_number_id].rate,
            "token_expired": self._sandbox.network.is_expired(number.access_token),
            "is_subscribed": account.is_subscribed,
            "account_override_callback_url": account.override_callback_url,
        }


def _sequence(entry: Any) -> int:
    sequence: int = entry.sequence
    return sequence


def _newest_starts(starts: list[Accepted | Refused], request: Request) -> dict[str, Any]:
    """Return the page of arrivals before the sequence `before`, newest first; 0 is the end of the list."""
    text = request.query_params["before"]
    if not (text.isascii() and text.isdecimal()) or len(text) > 18:
        raise bad_request("before is not a sequence.", "0 begins with the newest; then give next_before.")
    _, limit = page_of(request, limit_max=_LEDGER_PAGE_MAX, limit_default=1000)
    end = bisect.bisect_left(starts, int(text), key=_sequence) if int(text) else len(starts)
    page = starts[max(0, end - limit) : end]
    more = page[0].sequence if page and end > limit else None
    return {"starts": [entry.start_view() for entry in reversed(page)], "total": len(starts), "next_before": more}


def _no_such_rule(rule_id: str) -> ControlError:
    return ControlError(404, "no_such_rule", f"There is no fault {rule_id}.", "GET /sandbox/faults lists all.")


def _number_changes(body: dict[str, Any]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for name in _TEXT_FIELDS:
        if name in body:
            if not isinstance(body[name], str):
                raise bad_request(f"{name} is not text.", f"Send {name} as a JSON string.")
            changes[name] = body[name]
    if "display_phone_number" in body:
        digits = digits_of(str(body["display_phone_number"]))
        if not 5 <= len(digits) <= 20:
            raise bad_request("display_phone_number is not a phone number.", "Use 5 to 20 digits.")
        changes["display_phone_number"] = digits
    if "groups" in body:
        if body["groups"] not in _GROUP_WORDS:
            raise bad_request("groups is no such word.", f"Use one of: {', '.join(_GROUP_WORDS)}.")
        changes["groups"] = body["groups"]
    if "rate" in body:
        rate = body["rate"]
        if rate is not None and (isinstance(rate, bool) or not isinstance(rate, int | float) or rate < 0):
            raise bad_request("rate is not a number of messages a second.", "0 switches the limit off, null resets it.")
        changes["rate"] = rate
    return changes
