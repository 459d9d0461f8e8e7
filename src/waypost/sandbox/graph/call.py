"""What every Graph call begins with: the token, and the object it asks for."""

from dataclasses import dataclass
from urllib.parse import parse_qsl

from waypost.sandbox.graph.errors import GraphError, no_such_object
from waypost.sandbox.network import Network, Number
from waypost.sandbox.wire import Scope

_BEARER = b"bearer "


def token_of(scope: Scope) -> str | None:
    """Return the access token: of the Authorization header (Bearer or OAuth), or `access_token` in the query."""
    for name, value in scope["headers"]:
        if name == b"authorization":
            if value[:7].lower() == _BEARER:
                return str(value[7:].strip().decode("latin-1"))
            if value[:6].lower() == b"oauth ":
                return str(value[6:].strip().decode("latin-1"))
    if b"access_token=" in scope["query_string"]:
        return dict(parse_qsl(scope["query_string"].decode("latin-1"))).get("access_token")
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a good token may see."""

    token: str
    waba_ids: frozenset[str]


def authorise(network: Network, scope: Scope) -> Grant:
    """Return what the request's token may see; raise 190 for a missing, unknown or expired one."""
    token = token_of(scope)
    if not token:
        raise GraphError(190, message="An access token is required to request this resource.")
    if network.is_expired(token):
        raise GraphError(
            190,
            message="Error validating access token: Session has expired.",
            subcode=463,
        )
    waba_ids = network.token_state(token)
    if waba_ids is None:
        raise GraphError(190, message="Invalid OAuth access token - Cannot parse access token")
    return Grant(token=token, waba_ids=frozenset(waba_ids))


def number_of(network: Network, grant: Grant, phone_number_id: str, method: str) -> Number:
    """Return a number the token may use; raise 100 with subcode 33."""
    number = network.numbers.get(phone_number_id)
    if number is None or number.waba_id not in grant.waba_ids:
        raise no_such_object(phone_number_id, method)
    return number
