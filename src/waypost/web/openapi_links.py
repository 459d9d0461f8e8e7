"""
OpenAPI links: which answer holds the id that which operation takes.

They tell a reader, and tools that follow them, what can be done with a thing just made. Those of the manage API follow
from its paths; those of the contract are listed.
"""

import re
from types import MappingProxyType
from typing import Final

from waypost.web.contract_schemas import JsonObject

_CONTRACT: Final = MappingProxyType(
    {
        "messages.send": ("/api/v2/message/{id}", "/manage/v1/messages/{message_id}"),
        "messages.send.nc": ("/api/v2/message/{id}",),
        "messages.send.nc_message": ("/api/v2/message/{id}",),
        "messages.send.priority": ("/api/v2/message/{id}",),
        "media.upload": ("/api/v2/media/{id}",),
        "sources.create.v2": ("/api/v2/source/{id}",),
    }
)
"""Operation to the paths of what it makes."""
_ID_AT: Final = MappingProxyType({"media.upload": "/data/mediaId"})
_CONTRACT_ID_AT: Final = "/data/id"


def add_links(paths: JsonObject) -> None:
    """Declare the links on the answers of operations that make something. A second call changes nothing."""
    for path, methods in paths.items():
        operation = methods.get("post")
        if operation is None:
            continue
        name = operation["operationId"]
        if name in _CONTRACT:
            id_at = _ID_AT.get(name, _CONTRACT_ID_AT)
            links = [link for below in _CONTRACT[name] for link in _links_to(paths, re.escape(below), id_at)]
        else:
            links = _links_to(paths, re.escape(path) + r"/\{\w+\}", "/id")
        if links:
            (answer,) = [one for status, one in operation["responses"].items() if status.startswith("2")]
            answer["links"] = {link["operationId"]: link for link in links}


def _links_to(paths: JsonObject, pattern: str, id_at: str) -> list[JsonObject]:
    """Return links to the operations on one thing, and on what is below it, that take no other id."""
    whole = re.compile(pattern + r"(?:/[\w-]+)*")
    return [
        {
            "operationId": operation["operationId"],
            "parameters": {path[path.index("{") + 1 : path.index("}")]: f"$response.body#{id_at}"},
        }
        for path, methods in paths.items()
        if whole.fullmatch(path)
        for operation in methods.values()
    ]
