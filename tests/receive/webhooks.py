"""Webhook bodies as the provider sends them (webhooks reference, Sep 2026), made of parts."""

import json
from typing import Any

from tests.receive.gateway import NOW_US, PHONE, SECOND_US

NOW_SECONDS = NOW_US // SECOND_US


def status(wamid: str, word: str, *, at: int = NOW_SECONDS, token: str | None = None, **more: Any) -> dict[str, Any]:
    found = {"id": wamid, "status": word, "timestamp": str(at), "recipient_id": PHONE, **more}
    return found if token is None else {**found, "biz_opaque_callback_data": token}


def failed(wamid: str, code: int, *, at: int = NOW_SECONDS, token: str | None = None) -> dict[str, Any]:
    error = {"code": code, "title": "Title", "message": "Title", "error_data": {"details": "More of it."}}
    return status(wamid, "failed", at=at, token=token, errors=[error])


def message(provider_id: str, kind: str = "text", *, at: int = NOW_SECONDS, **more: Any) -> dict[str, Any]:
    content = {"text": {"body": "is it open today?"}} if kind == "text" and "text" not in more else {}
    return {"from": PHONE, "id": provider_id, "timestamp": str(at), "type": kind, **content, **more}


def text(provider_id: str, body: str, *, at: int = NOW_SECONDS, **more: Any) -> dict[str, Any]:
    return message(provider_id, at=at, text={"body": body}, **more)


def value(number_id: str = "111", **parts: Any) -> dict[str, Any]:
    metadata = {"display_phone_number": "+1 202-555-0199", "phone_number_id": number_id}
    return {"messaging_product": "whatsapp", "metadata": metadata, **parts}


def body(*values: dict[str, Any], field: str = "messages") -> bytes:
    changes = [{"field": field, "value": each} for each in values]
    return encode({"object": "whatsapp_business_account", "entry": [{"id": "waba", "changes": changes}]})


def encode(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def statuses(*items: Any, number_id: str = "111") -> bytes:
    return body(value(number_id, statuses=list(items)))


def messages(*items: Any, number_id: str = "111", name: str = "Noor") -> bytes:
    contacts = [{"profile": {"name": name}, "wa_id": PHONE}]
    return body(value(number_id, contacts=contacts, messages=list(items)))
