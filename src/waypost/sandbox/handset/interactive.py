"""What an interactive message looks like on a phone, and what its buttons do there."""

from waypost.sandbox.handset.reading import MediaOf, Spec, object_at, objects_at, text_at

_MEDIA = ("image", "video", "document")
# type of message: (what its one button does, its label when the message names none)
_ONE_BUTTON = {
    "flow": ("form", "Open the form"),
    "address_message": ("address", "Provide address"),
    "location_request_message": ("place", "Send location"),
    "catalog_message": ("order", "View catalogue"),
    "request_contact_info": ("share", "Share contact info"),
}
_NOT_HERE = {
    "voice_call": ("Call", "The sandbox makes no calls."),
    "order_details": ("Review and pay", "The sandbox takes no payments."),
}


def interactive_card(node: Spec, media_of: MediaOf) -> Spec:
    """Return the card of an interactive message; of a type that is not known, its texts and a note."""
    kind, action = text_at(node, "type"), object_at(node, "action")
    card: Spec = {
        "kind": "card",
        "header": _header(object_at(node, "header"), media_of),
        "body": text_at(node, "body", "text"),
        "footer": text_at(node, "footer", "text"),
        "buttons": [],
    }
    parameters = object_at(action, "parameters")
    match kind:
        case "button":
            card["buttons"] = [_reply(object_at(button, "reply")) for button in objects_at(action, "buttons")]
        case "list":
            label = text_at(action, "button")
            card["buttons"] = [{"does": "list", "label": label, "sections": _sections(action)}]
        case "cta_url":
            card["buttons"] = [_link(parameters)]
        case "carousel":
            card["cards"] = [_card(one, media_of) for one in objects_at(action, "cards")]
        case "product":
            card["products"] = [_product(action, action)]
            card["buttons"] = [{"does": "order", "label": "Order", "products": card["products"]}]
        case "product_list":
            card["products"] = [
                _product(action, item, section=text_at(section, "title"))
                for section in objects_at(action, "sections")
                for item in objects_at(section, "product_items")
            ]
            card["buttons"] = [{"does": "order", "label": "View items", "products": card["products"]}]
        case "call_permission_request":
            card["buttons"] = [
                {"does": "reply", "id": "accept", "label": "Allow calls"},
                {"does": "reply", "id": "reject", "label": "Don't allow"},
            ]
        case _ if kind in _ONE_BUTTON:
            card["buttons"] = [_one_button(kind, parameters)]
        case _ if kind in _NOT_HERE:
            label, why = _NOT_HERE[kind]
            card["buttons"] = [{"does": "nothing", "label": text_at(parameters, "display_text") or label, "why": why}]
        case "order_status":
            order = object_at(parameters, "order")
            card["note"] = f"Order {text_at(parameters, 'reference_id')}: {text_at(order, 'status') or 'changed'}."
        case _:
            card["note"] = f"The handset does not know interactive messages of the type {kind}."
    return card


def _one_button(kind: str, parameters: Spec) -> Spec:
    does, label = _ONE_BUTTON[kind]
    button: Spec = {"does": does, "label": text_at(parameters, "flow_cta") or label}
    if does == "order":
        product = text_at(parameters, "thumbnail_product_retailer_id")
        button["products"] = [{"id": product, "catalog": "", "section": ""}] if product else []
    elif does == "address":
        button["values"] = {name: text_at(value) for name, value in object_at(parameters, "values").items()}
    return button


def _header(header: Spec, media_of: MediaOf) -> Spec | None:
    kind = text_at(header, "type")
    if kind == "text":
        return {"kind": "text", "text": text_at(header, "text")}
    if kind in _MEDIA:
        node = object_at(header, kind)
        return {"kind": kind, "media": media_of(kind, node), "name": text_at(node, "filename")}
    return None


def _reply(reply: Spec) -> Spec:
    return {"does": "reply", "id": text_at(reply, "id"), "label": text_at(reply, "title")}


def _link(parameters: Spec) -> Spec:
    return {"does": "url", "label": text_at(parameters, "display_text"), "url": text_at(parameters, "url")}


def _sections(action: Spec) -> list[Spec]:
    return [
        {
            "title": text_at(section, "title"),
            "rows": [
                {"id": text_at(row, "id"), "title": text_at(row, "title"), "description": text_at(row, "description")}
                for row in objects_at(section, "rows")
            ],
        }
        for section in objects_at(action, "sections")
    ]


def _card(card: Spec, media_of: MediaOf) -> Spec:
    action = object_at(card, "action")
    if text_at(card, "type") == "product":
        product = _product(action, action)
        order = {"does": "order", "label": "Order", "products": [product]}
        return {"products": [product], "buttons": [order]}
    replies = [_reply(object_at(button, "quick_reply")) for button in objects_at(action, "buttons")]
    return {
        "header": _header(object_at(card, "header"), media_of),
        "body": text_at(card, "body", "text"),
        "buttons": replies or [_link(object_at(action, "parameters"))],
    }


def _product(action: Spec, item: Spec, *, section: str = "") -> Spec:
    product = text_at(item, "product_retailer_id")
    return {"id": product, "catalog": text_at(action, "catalog_id"), "section": section}
