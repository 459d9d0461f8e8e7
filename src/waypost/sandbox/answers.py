"""What a person's tap on a received message makes: the reply that the phone would send."""

import json
from collections.abc import Iterator
from typing import Any

import orjson

from waypost.sandbox.control_errors import ControlError, bad_request
from waypost.sandbox.graph.templates import Template
from waypost.sandbox.ledger import Accepted
from waypost.sandbox.network import Phone

Spec = dict[str, Any]


def answered(phone: Phone, spec: Spec, *, templates: list[Template]) -> Spec:
    """
    Return the message that `spec["answer"]` asks for, as the control API takes one.

    `answer` has `wamid` (left out: the last message received), and what the person does: `choose`, a button's or row's
    id or title; `data`, an object: a form's values, an address, a place, or an order's `product_items`. `templates` are
    those of the business. Raises ControlError for a message that offers no such thing.
    """
    answer = spec["answer"]
    if not isinstance(answer, dict):
        raise bad_request("answer is not an object.", 'Send {"answer": {"choose": "yes"}}.')
    message = _received(phone, answer.get("wamid"))
    body = orjson.loads(message.body)
    choose, data = answer.get("choose"), answer.get("data", {})
    if not isinstance(data, dict):
        raise bad_request("answer.data is not an object.", 'Send {"answer": {"data": {"day": "Monday"}}}.')
    if message.type == "template":
        reply = _template_reply(body["template"], choose, templates)
    elif message.type == "interactive":
        reply = _interactive_reply(phone, body["interactive"], choose, data)
    else:
        raise bad_request(f"A message of type {message.type} asks for nothing.", "Answer one with buttons, or write.")
    others = {name: value for name, value in spec.items() if name != "answer"}
    return {"to": message.phone_number_id, **others, "context": message.wamid, **reply}


def _received(phone: Phone, wamid: Any) -> Accepted:
    for message in reversed(phone.thread):
        if isinstance(message, Accepted) and wamid in (None, message.wamid):
            return message
    raise ControlError(
        404, "no_such_message", "The phone has received no such message.", "See GET /sandbox/phones/{number}/messages."
    )


def _chosen(choices: list[tuple[str, str, Spec]], choose: Any) -> Spec:
    """Return what belongs to a choice, by its id or title; without `choose` the first is meant."""
    for key, title, reply in choices:
        if choose in (None, key, title):
            return reply
    offered = ", ".join(title for _, title, _ in choices) or "nothing"
    raise bad_request(f"{choose!r} is not offered.", f"The message offers: {offered}.")


def _template_reply(node: Spec, choose: Any, templates: list[Template]) -> Spec:
    """Return the press of a quick reply; its payload is the one that was sent with it, else its label."""
    choices = []
    for buttons, components in _buttons_of(node, templates):
        payloads = {
            int(component["index"]): component["parameters"][0]["payload"]
            for component in components
            if component.get("type") == "button" and str(component.get("sub_type")).lower() == "quick_reply"
        }
        for index, button in enumerate(buttons):
            label = str(button.get("text", ""))
            if str(button.get("type", "")).upper() == "QUICK_REPLY":
                payload = payloads.get(index, label)
                choices.append((payload, label, {"type": "button", "button": {"text": label, "payload": payload}}))
    return _chosen(choices, choose)


def _buttons_of(node: Spec, templates: list[Template]) -> Iterator[tuple[list[Spec], list[Spec]]]:
    """Yield the buttons of a template, then those of each card, with what the message gave for them."""
    sent: list[Spec] = node.get("components", [])
    for template in templates:
        if (template.name, template.language) == (node["name"], node["language"]["code"]):
            yield _part(template.components, "BUTTONS").get("buttons", []), sent
            cards = _part(template.components, "CAROUSEL").get("cards", [])
            given = _part(sent, "CAROUSEL").get("cards", [])
            for own, card in zip(cards, given, strict=False):
                yield _part(own.get("components", []), "BUTTONS").get("buttons", []), card.get("components", [])


def _part(components: list[Spec], kind: str) -> Spec:
    return next((one for one in components if str(one.get("type")).upper() == kind), {})


def _interactive_reply(phone: Phone, node: Spec, choose: Any, data: Spec) -> Spec:
    action = node["action"]
    match node["type"]:
        case "button":
            return _chosen([_button_reply(button["reply"]) for button in action["buttons"]], choose)
        case "carousel":
            buttons = [button for card in action["cards"] for button in card["action"].get("buttons", [])]
            return _chosen([_button_reply(button["quick_reply"]) for button in buttons], choose)
        case "list":
            rows = [row for section in action["sections"] for row in section["rows"]]
            return _chosen([(row["id"], row["title"], _reply("list_reply", row)) for row in rows], choose)
        case "flow":
            token = action["parameters"].get("flow_token", "unused")
            return _form_reply("flow", "Sent", {"flow_token": token, **data})
        case "address_message":
            return _form_reply("address_message", ", ".join(map(str, data.values())), {"values": data})
        case "location_request_message":
            return {"type": "location", "location": data}
        case "product" | "product_list" | "catalog_message":
            return {"type": "order", "order": _order(action, data)}
        case "request_contact_info":
            phones = [{"phone": f"+{phone.wa_id}", "wa_id": phone.wa_id, "type": "MOBILE"}]
            card = {"name": {"formatted_name": phone.name}, "phones": phones, "origin": "contact_request"}
            return {"type": "contacts", "contacts": [card]}
        case "call_permission_request":
            words = {"accept": "Allow calls", "reject": "Don't allow"}
            replies = {word: _reply("call_permission_reply", {"response": word}) for word in words}
            return _chosen([(word, title, replies[word]) for word, title in words.items()], choose)
        case kind:
            raise bad_request(f"An interactive message of type {kind} asks for nothing.", "Answer another, or write.")


def _button_reply(reply: Spec) -> tuple[str, str, Spec]:
    return reply["id"], reply["title"], _reply("button_reply", reply)


def _reply(kind: str, chosen: Spec) -> Spec:
    return {"type": "interactive", "interactive": {"type": kind, kind: chosen}}


def _form_reply(name: str, body: str, values: Spec) -> Spec:
    return _reply("nfm_reply", {"name": name, "body": body, "response_json": json.dumps(values)})


def _order(action: Spec, data: Spec) -> Spec:
    """Return the order of `product_items`; without them, of one piece of the first product shown."""
    offered = [action] if "product_retailer_id" in action else []
    offered += [item for section in action.get("sections", []) for item in section["product_items"]]
    items = [
        {"product_retailer_id": item["product_retailer_id"], "quantity": 1, "item_price": 1, "currency": "USD"}
        for item in offered[:1]
    ]
    order = {"catalog_id": action.get("catalog_id", "0"), "product_items": items, **data}
    if not order["product_items"]:
        raise bad_request("The order is empty.", 'Send {"answer": {"data": {"product_items": [...]}}}.')
    return order
