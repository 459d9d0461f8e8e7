"""
OpenAPI links: which answer holds the id that which operation takes.

They tell a reader, and tools that follow them, what can be done with a thing just made. Those of the manage API follow
from its paths; those of the contract are listed.
"""

import re
from types import MappingProxyType
from typing import Final

from waypost.web.contract_schemas import JsonObject

_SENT: Final = (
    ("messages.look_up", "id", "$response.body#/data/id"),
    ("messages.show", "message_id", "$response.body#/data/id"),
    ("messages.cancel", "message_id", "$response.body#/data/id"),
)
_CONTRACT: Final = MappingProxyType(
    {
        "messages.send": _SENT,
        "messages.send.nc": _SENT,
        "messages.send.nc_message": _SENT,
        "messages.send.priority": _SENT,
        "media.upload": tuple((name, "id", "$response.body#/data/mediaId") for name in ("media.get", "media.delete")),
        "sources.create.v2": tuple(
            (name, "id", "$response.body#/data/id")
            for name in ("sources.get.v2", "sources.change.v2", "sources.delete.v2")
        ),
        "webhooks.test": (("webhooks.attempts", "notification_id", "$response.body#/notification_id"),),
    }
)


def add_links(paths: JsonObject) -> None:
    """Declare the links on the answers of operations that make something. A second call changes nothing."""
    names = {operation["operationId"] for methods in paths.values() for operation in methods.values()}
    for path, methods in paths.items():
        for operation in methods.values():
            links = [link for link in _CONTRACT.get(operation["operationId"], ()) if link[0] in names]
            status = "200"
            if "201" in operation["responses"] and "{" not in path:
                status = "201"
                links += _below(paths, path)
            elif operation["operationId"] == "webhooks.test":
                status = "202"
            if links:
                operation["responses"][status]["links"] = {
                    name: _link(operation, name, parameter, expression) for name, parameter, expression in links
                }


def _below(paths: JsonObject, path: str) -> list[tuple[str, str, str]]:
    """Return the operations on one of the things that this path makes."""
    pattern = re.compile(re.escape(path) + r"/\{(\w+)\}(?:/[\w-]+)?")
    return [
        (operation["operationId"], match[1], "$response.body#/id")
        for below, methods in paths.items()
        if (match := pattern.fullmatch(below))
        for operation in methods.values()
    ]


def _link(operation: JsonObject, name: str, parameter: str, expression: str) -> JsonObject:
    parameters = {parameter: expression}
    if operation["operationId"] == "webhooks.test":
        parameters["webhook_id"] = "$request.path.webhook_id"
    return {"operationId": name, "parameters": parameters}
