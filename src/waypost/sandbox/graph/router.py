"""Which Graph object a path names, and what its method does."""

from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.requests import ClientDisconnect, Request

from waypost.sandbox.graph.call import Grant, authorise, number_of
from waypost.sandbox.graph.errors import GraphError, malformed, no_such_object
from waypost.sandbox.graph.faulty import FaultPlayer
from waypost.sandbox.graph.groups import GroupEndpoints
from waypost.sandbox.graph.media import MediaEndpoints
from waypost.sandbox.graph.objects import Answer, ObjectEndpoints
from waypost.sandbox.graph.templates import Template, Templates
from waypost.sandbox.graph.uploads import PREFIX, Uploads
from waypost.sandbox.groups import Group
from waypost.sandbox.network import BusinessAccount, Network, Number
from waypost.sandbox.wire import Receive, Scope, Send, send_json


class GraphRouter:
    """All of Graph but POST /messages. Any id answers at `/{id}`, whatever it is the id of."""

    def __init__(
        self,
        *,
        network: Network,
        templates: Templates,
        media: MediaEndpoints,
        objects: ObjectEndpoints,
        groups: GroupEndpoints,
        uploads: Uploads,
        player: FaultPlayer,
    ) -> None:
        self._network = network
        self._templates = templates
        self._media = media
        self._objects = objects
        self._groups = groups
        self._uploads = uploads
        self._player = player

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send, *, segments: tuple[str, ...], base_url: str
    ) -> None:
        method = str(scope["method"])
        try:
            grant = authorise(self._network, scope)
            target = "media" if segments[-1] == "media" else "objects"
            if await self._player.before(scope, receive, send, keys=(segments[0],), target=target) is not None:
                return
            answer = await self._answer(Request(dict(scope), receive), grant, method, segments, base_url)
        except GraphError as error:
            await self._player.send_error(send, error)
        except ClientDisconnect:
            return
        else:
            await send_json(send, status=200, value=answer)

    async def _answer(
        self, request: Request, grant: Grant, method: str, segments: tuple[str, ...], base_url: str
    ) -> Answer:
        query = dict(request.query_params)
        object_id, edge = segments[0], segments[1] if len(segments) > 1 else ""
        if len(segments) > 2:
            raise no_such_object("/".join(segments), method)
        if self._uploads.is_app(object_id) or object_id.startswith(PREFIX):
            return await self._upload(request, grant, method, object_id, edge)
        if object_id in self._network.numbers:
            number = number_of(self._network, grant, object_id, method)
            return await self._number(request, number, method, edge, query)
        account = self._network.accounts.get(object_id)
        if account is not None and account.waba_id in grant.waba_ids:
            return await self._account(request, account, method, edge, query)
        template = self._templates.find(object_id)
        if template is not None and template.waba_id in grant.waba_ids and not edge:
            return await self._template(request, template, method, query)
        group = self._groups.visible(object_id, grant.waba_ids)
        if group is not None:
            return await self._group(request, group, method, edge, query)
        medium = None if edge else self._media.visible(grant, object_id, query, method)
        if medium is not None and method == "GET":
            return self._media.describe(medium, base_url)
        if medium is not None and method == "DELETE":
            return self._media.delete(medium)
        raise no_such_object(object_id, method)

    async def _upload(self, request: Request, grant: Grant, method: str, object_id: str, edge: str) -> Answer:
        uploads = self._uploads
        match method, edge:
            case "GET", "" if uploads.is_app(object_id):
                return uploads.describe_app()
            case "POST", "uploads" if uploads.is_app(object_id):
                return uploads.open(grant, dict(request.query_params))
            case "GET", "" if object_id.startswith(PREFIX):
                return uploads.progress(grant, object_id)
            case "POST", "" if object_id.startswith(PREFIX):
                return await uploads.take(grant, object_id, request)
            case _:
                raise no_such_object(f"{object_id}/{edge}", method)

    async def _number(self, request: Request, number: Number, method: str, edge: str, query: dict[str, str]) -> Answer:
        objects = self._objects
        match method, edge:
            case "POST", "media":
                return await self._media.upload(request, number)
            case "GET", "":
                return objects.number_fields(number, query)
            case "POST", "":
                return await objects.change_number(number, await _body(request))
            case "POST", "register" | "deregister":
                return objects.set_registered(number, await _body(request), is_registered=edge == "register")
            case "POST", "request_code" | "verify_code":
                return {"success": True}
            case "GET", "whatsapp_business_profile":
                return objects.profile(number)
            case "POST", "whatsapp_business_profile":
                return objects.change_profile(number, await _body(request))
            case "GET", "settings":
                return objects.settings(number, None)
            case "POST", "settings":
                return objects.settings(number, await _body(request))
            case "GET", "groups":
                return self._groups.list(number, query)
            case "POST", "groups":
                return self._groups.create(number, await _body(request))
            case "GET" | "POST" | "DELETE", "block_users":
                return objects.blocked_users(number, await _body(request), method)
            case _:
                raise no_such_object(f"{number.phone_number_id}/{edge}", method)

    async def _account(
        self, request: Request, account: BusinessAccount, method: str, edge: str, query: dict[str, str]
    ) -> Answer:
        objects = self._objects
        match method, edge:
            case "GET", "":
                return objects.account_fields(account, query)
            case "GET", "phone_numbers":
                return objects.account_numbers(account, query)
            case "GET", "subscribed_apps":
                return objects.subscriptions(account)
            case "POST", "subscribed_apps":
                return await objects.subscribe(account, await _body(request))
            case "DELETE", "subscribed_apps":
                return objects.unsubscribe(account)
            case "GET", "message_templates":
                return objects.templates(account, query)
            case "POST", "message_templates":
                return objects.create_template(account, await _body(request))
            case "DELETE", "message_templates":
                return objects.delete_templates(account, query)
            case _:
                raise no_such_object(f"{account.waba_id}/{edge}", method)

    async def _group(self, request: Request, group: Group, method: str, edge: str, query: dict[str, str]) -> Answer:
        groups = self._groups
        match method, edge:
            case "GET", "":
                return groups.fields(group, query)
            case "POST", "":
                return groups.change(group, await _body(request))
            case "DELETE", "":
                return groups.delete(group)
            case "GET" | "POST", "invite_link":
                return groups.invite_link(group, is_reset=method == "POST")
            case "GET", "join_requests":
                return groups.join_requests(group)
            case "POST" | "DELETE", "join_requests":
                return groups.decide_requests(group, await _body(request), is_approved=method == "POST")
            case "DELETE", "participants":
                return groups.remove_participants(group, await _body(request))
            case _:
                raise no_such_object(f"{group.group_id}/{edge}", method)

    async def _template(self, request: Request, template: Template, method: str, query: dict[str, str]) -> Answer:
        match method:
            case "GET":
                return self._objects.template_fields(template, query)
            case "POST":
                return self._objects.edit_template(template, await _body(request))
            case _:
                raise no_such_object(template.template_id, method)


async def _body(request: Request) -> dict[str, Any]:
    """Return the parameters of a call: a JSON object, or a form; empty for no body."""
    kind = request.headers.get("content-type", "")
    if kind.startswith("multipart/form-data"):
        async with request.form() as form:
            return {name: value for name, value in form.items() if isinstance(value, str)}
    raw = await request.body()
    if not raw:
        return {}
    if kind.startswith("application/x-www-form-urlencoded") and not raw.lstrip().startswith(b"{"):
        return dict(parse_qsl(raw.decode("latin-1")))
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise malformed("The request body is not valid JSON.") from error
    if not isinstance(body, dict):
        raise malformed("The request body must be a JSON object.")
    return body
