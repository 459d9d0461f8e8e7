"""Read receipts and the sign of typing for inbound messages: an addition of Waypost's to the contract."""

from waypost.contract.checks import required_id
from waypost.contract.decoding import JsonObject, decode_object
from waypost.contract.errors import ContractRefusal, RefusedError, is_invalid
from waypost.domain.value import value

MESSAGE_ID_CHARACTERS_MAX = 512


@value
class ReadingMark:
    """A request to show that an inbound message was read; ``message_id`` is upstream's id of it."""

    message_id: str
    shows_typing: bool


def parse_reading_mark(body: bytes) -> ReadingMark | ContractRefusal:
    """Return which message is read and whether an answer is being typed, or why the request is refused."""
    try:
        request = decode_object(body)
        message_id = required_id(request, "message_id", at_most=MESSAGE_ID_CHARACTERS_MAX)
        return ReadingMark(message_id=message_id, shows_typing=_typing(request))
    except RefusedError as refused:
        return ContractRefusal(error=refused.error)


def _typing(request: JsonObject) -> bool:
    typing = request.get("typing")
    if typing is not None and type(typing) is not bool:
        raise RefusedError(is_invalid("typing"))
    return typing is True
