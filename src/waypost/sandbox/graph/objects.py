"""Graph objects other than messages and media: numbers, business accounts, templates, subscriptions."""

import dataclasses
import hashlib
import hmac
import secrets
from typing import Any

import aiohttp

from waypost.sandbox.graph.errors import GraphError, invalid, missing
from waypost.sandbox.graph.templates import Template, Templates
from waypost.sandbox.network import BusinessAccount, Network, Number

Answer = dict[str, Any]

_NUMBER_FIELDS = ("verified_name", "display_phone_number", "quality_rating", "id")
_PROFILE_LIMITS = {"about": 139, "address": 256, "description": 512, "email": 128, "vertical": 64}
_TEMPLATE_PAGE_MAX = 1000


class ObjectEndpoints:
    """One method per (object kind, edge); the router has already checked that the token may see the object."""

    def __init__(self, *, network: Network, templates: Templates, app_id: str) -> None:
        self._network = network
        self._templates = templates
        self._app_id = app_id

    def number_fields(self, number: Number, query: dict[str, str]) -> Answer:
        """Return the fields asked for; raise 100 for one that numbers do not have, and for a proof that is none."""
        proof = query.get("appsecret_proof")
        if proof is not None and not _is_proof(proof, number):
            raise GraphError(100, message="Invalid appsecret_proof provided in the API argument")
        every: dict[str, Any] = {
            "id": number.phone_number_id,
            "verified_name": number.verified_name,
            "display_phone_number": f"+{number.display_phone_number}",
            "quality_rating": "GREEN",
            "status": number.status,
            "code_verification_status": "VERIFIED",
            "name_status": "APPROVED",
            "platform_type": "CLOUD_API",
            "account_mode": "LIVE",
            "throughput": {"level": "HIGH" if self._network.buckets[number.phone_number_id].rate > 80 else "STANDARD"},
            "webhook_configuration": self._webhook_configuration(number),
            "health_status": self._health(number),
            "whatsapp_business_manager_messaging_limit": "TIER_UNLIMITED",
            "is_official_business_account": False,
            "last_onboarded_time": "2026-01-01T00:00:00+0000",
        }
        return selected_fields(every, query, _NUMBER_FIELDS)

    async def change_number(self, number: Number, body: dict[str, Any]) -> Answer:
        """Take `webhook_configuration` (with the verification handshake) or `pin`."""
        configuration = body.get("webhook_configuration")
        if isinstance(configuration, dict):
            url = await _verified(configuration)
            self._network.save_number(dataclasses.replace(number, override_callback_url=url))
        elif "pin" not in body:
            raise missing("webhook_configuration")
        return {"success": True}

    def set_registered(self, number: Number, body: dict[str, Any], *, is_registered: bool) -> Answer:
        if is_registered:
            pin = body.get("pin")
            if not (isinstance(pin, str) and len(pin) == 6 and pin.isdecimal()):
                raise invalid("Param pin must be a string of 6 digits.")
        status = "CONNECTED" if is_registered else "DISCONNECTED"
        self._network.save_number(dataclasses.replace(number, status=status))
        return {"success": True}

    def profile(self, number: Number) -> Answer:
        return {"data": [{**number.profile, "messaging_product": "whatsapp"}]}

    def change_profile(self, number: Number, body: dict[str, Any]) -> Answer:
        for name, limit in _PROFILE_LIMITS.items():
            if len(str(body.get(name, ""))) > limit:
                raise invalid(f"Param {name} must be at most {limit} characters long.")
        if len(body.get("websites", [])) > 2:
            raise invalid("Param websites must hold at most 2 addresses.")
        known = (*_PROFILE_LIMITS, "websites", "profile_picture_handle")
        changed = {**number.profile, **{name: body[name] for name in known if name in body}}
        self._network.save_number(dataclasses.replace(number, profile=changed))
        return {"success": True}

    def settings(self, number: Number, body: dict[str, Any] | None) -> Answer:
        if body is None:
            return dict(number.settings)
        self._network.save_number(dataclasses.replace(number, settings={**number.settings, **body}))
        return {"success": True}

    def blocked_users(self, number: Number, body: dict[str, Any], method: str) -> Answer:
        if method == "GET":
            return {"data": [{"messaging_product": "whatsapp", "wa_id": user} for user in number.blocked_users]}
        users = [str(entry.get("user")) for entry in body.get("block_users", []) if isinstance(entry, dict)]
        if not users:
            raise missing("block_users")
        before = set(number.blocked_users)
        after = sorted(before | set(users)) if method == "POST" else sorted(before - set(users))
        self._network.save_number(dataclasses.replace(number, blocked_users=after))
        word = "added_users" if method == "POST" else "removed_users"
        changed = [{"input": user, "wa_id": user} for user in users]
        return {"messaging_product": "whatsapp", "block_users": {word: changed}}

    def account_fields(self, account: BusinessAccount, query: dict[str, str]) -> Answer:
        every: dict[str, Any] = {
            "id": account.waba_id,
            "name": account.name,
            "timezone_id": "1",
            "currency": "USD",
            "message_template_namespace": f"sandbox_{account.waba_id}",
            "account_review_status": "APPROVED",
            "business_verification_status": "verified",
            "status": "ACTIVE",
            "country": "US",
            "health_status": {"can_send_message": "AVAILABLE", "entities": []},
        }
        return selected_fields(every, query, ("id", "name", "timezone_id", "message_template_namespace"))

    def account_numbers(self, account: BusinessAccount, query: dict[str, str]) -> Answer:
        mine = [number for number in self._network.numbers.values() if number.waba_id == account.waba_id]
        return _page([self.number_fields(number, query) for number in mine], query)

    def subscriptions(self, account: BusinessAccount) -> Answer:
        if not account.is_subscribed:
            return {"data": []}
        app = {"link": "https://developers.facebook.com/", "name": "Sandbox app", "id": self._app_id}
        entry: dict[str, Any] = {"whatsapp_business_api_data": app}
        if account.override_callback_url:
            entry["override_callback_uri"] = account.override_callback_url
        return {"data": [entry]}

    async def subscribe(self, account: BusinessAccount, body: dict[str, Any]) -> Answer:
        """Subscribe the app; with `override_callback_uri`, verify it first and then send webhooks there."""
        url = await _verified(body) if "override_callback_uri" in body else ""
        self._network.save_account(dataclasses.replace(account, is_subscribed=True, override_callback_url=url))
        return {"success": True}

    def unsubscribe(self, account: BusinessAccount) -> Answer:
        self._network.save_account(dataclasses.replace(account, is_subscribed=False, override_callback_url=""))
        return {"success": True}

    def templates(self, account: BusinessAccount, query: dict[str, str]) -> Answer:
        found = self._templates.of_account(account.waba_id)
        for name in ("name", "language", "status", "category"):
            if name in query:
                found = [template for template in found if getattr(template, name).lower() == query[name].lower()]
        return _page([selected_fields(template.view(), query, tuple(template.view())) for template in found], query)

    def create_template(self, account: BusinessAccount, body: dict[str, Any]) -> Answer:
        template = self._templates.create(account.waba_id, body)
        return {"id": template.template_id, "status": "PENDING", "category": template.category}

    def delete_templates(self, account: BusinessAccount, query: dict[str, str]) -> Answer:
        if "name" not in query:
            raise missing("name")
        if not self._templates.delete(account.waba_id, query["name"], query.get("hsm_id")):
            raise GraphError(100, f"Message template {query['name']} was not found.", subcode=2593002)
        return {"success": True}

    def template_fields(self, template: Template, query: dict[str, str]) -> Answer:
        return selected_fields(template.view(), query, tuple(template.view()))

    def edit_template(self, template: Template, body: dict[str, Any]) -> Answer:
        self._templates.edit(template, body)
        return {"success": True, "id": template.template_id, "name": template.name, "category": template.category}

    def _webhook_configuration(self, number: Number) -> dict[str, str]:
        account = self._network.accounts[number.waba_id]
        urls = {
            "phone_number": number.override_callback_url,
            "whatsapp_business_account": account.override_callback_url,
            "application": number.callback_url,
        }
        return {name: url for name, url in urls.items() if url}

    @staticmethod
    def _health(number: Number) -> dict[str, Any]:
        state = "AVAILABLE" if number.status == "CONNECTED" else "BLOCKED"
        entity = {"entity_type": "PHONE_NUMBER", "id": number.phone_number_id, "can_send_message": state}
        return {"can_send_message": state, "entities": [entity]}


def _is_proof(proof: str, number: Number) -> bool:
    """Say whether a call was made by who knows the app's secret (secure requests page of Graph, 2026)."""
    right = hmac.new(number.app_secret.encode(), number.access_token.encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(proof.encode(), right.encode())


async def _verified(configuration: dict[str, Any]) -> str:
    """Make the verification handshake; return the URL, empty to delete. Raise 2200 when it is not answered right."""
    url = configuration.get("override_callback_uri")
    if not isinstance(url, str) or len(url) > 200:
        raise invalid("Param override_callback_uri must be a URL of at most 200 characters.")
    if not url:
        return ""
    challenge = str(10**9 + secrets.randbelow(9 * 10**9))
    query = {
        "hub.mode": "subscribe",
        "hub.challenge": challenge,
        "hub.verify_token": str(configuration.get("verify_token", "")),
    }
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
            session.get(url, params=query, allow_redirects=False) as response,
        ):
            answer = await response.content.read(1000)
            status, reason = response.status, response.reason
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise _not_verified(f"URL could not be reached: {type(error).__name__}") from error
    if status != 200:
        raise _not_verified(f"HTTP Status Code = {status}; HTTP Message = {reason}")
    if answer != challenge.encode():
        raise _not_verified("HTTP body is not the challenge")
    return url


def _not_verified(why: str) -> GraphError:
    return GraphError(2200, message=f"(#2200) Callback verification failed with the following errors: {why}")


def selected_fields(every: dict[str, Any], query: dict[str, str], default: tuple[str, ...]) -> Answer:
    """Return the members that `fields` asks for, or the default ones; raise 100 for one that there is not."""
    asked = query.get("fields")
    if not asked:
        return {name: every[name] for name in default}
    names = [name.strip() for name in asked.split(",") if name.strip()]
    for name in names:
        if name not in every:
            raise GraphError(100, message=f"(#100) Tried accessing nonexisting field ({name})")
    return {name: every[name] for name in dict.fromkeys((*names, "id"))}


def _page(items: list[Answer], query: dict[str, str]) -> Answer:
    """Return one page of `limit` items from the cursor `after`; a cursor is the number of items before it."""
    limit_text, after_text = query.get("limit", "25"), query.get("after", "0")
    if not limit_text.isdecimal() or not 1 <= int(limit_text) <= _TEMPLATE_PAGE_MAX:
        raise GraphError(100, "Param limit must be a number from 1 to 1000.")
    if not after_text.isdecimal():
        raise GraphError(131059, "The cursor is not one of ours.")
    start, end = int(after_text), int(after_text) + int(limit_text)
    answer: Answer = {"data": items[start:end]}
    if items:
        cursors = {"before": str(max(0, start - int(limit_text))), "after": str(min(end, len(items)))}
        answer["paging"] = {"cursors": cursors}
        if end < len(items):
            answer["paging"]["next"] = f"?after={end}&limit={limit_text}"
    return answer
