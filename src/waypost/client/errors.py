"""
What can go wrong, and what to do about it.

    WaypostError
    ├── ConfigurationError            the client was not told enough, or nonsense
    ├── RefusedError                  the server understood, and says no: code, message, index
    ├── AuthenticationError           the key is wrong, ended, or may not do this
    ├── NotFoundError                 no such message, file, source or path
    ├── TooLargeError                 the request is over the server's limit
    ├── RateLimitedError              too many requests, also after waiting as often as allowed
    ├── UnavailableError              nothing was reached, or it was overloaded: nothing has happened
    │   └── OutcomeUnknownError       the request may have been carried out, and its answer was lost
    ├── UnexpectedAnswerError         an answer that no such server gives
    ├── MessageFailedError            ``wait_for``: the message has failed
    ├── WaitTimeoutError              ``wait_for``: it took longer than allowed; also a ``TimeoutError``
    └── WebhookError
        ├── WebhookSignatureError     not signed with one of the secrets, or too long ago
        └── WebhookFormatError        signed, and not a webhook

Every one has ``hint``, a sentence on what to do, which is also part of its text. No text holds a key or a number.
"""

from types import MappingProxyType
from typing import Final

_REFUSAL_HINTS: Final = MappingProxyType(
    {
        "8001": "Give the member that is missing.",
        "8002": "Record the recipient's opt-in first (client.consent.opt_in), or lift the block.",
        "8003": "Check the number: nobody uses WhatsApp with it.",
        "8004": "Check the source: client.sources.list() shows those there are.",
        "8005": "If it is not about an opt-in that exists already, try again later.",
        "8006": "Correct the member that the text names.",
        "8007": "Send a template, or wait until the recipient writes.",
        "8008": "Check the file: its id, its URL, its type by content, and its size.",
        "8009": "Check the template's name and that it is approved: client.templates.status(name).",
        "8010": "Give as many attributes as the template has placeholders.",
        "8011": "Choose a language that the template has: client.templates.status(name).",
    }
)
_REFUSAL_HINT: Final = "Correct the request; sending the same again will be refused again."


class WaypostError(Exception):
    """Anything that went wrong with a call; ``hint`` says what to do."""

    hint: str

    def __init__(self, text: str, *, hint: str) -> None:
        super().__init__(f"{text} {hint}" if hint else text)
        self.hint = hint


class ConfigurationError(WaypostError):
    """The client was not told where the server is or what key to use, or was told nonsense."""


class RefusedError(WaypostError):
    """
    The server understood the request and refused it.

    ``code`` is a string such as ``"8007"``, or ``""`` where the server gives none; ``message`` its text. ``index`` is
    the 0-based place of the entry that is at fault, or None for a request of one.
    """

    def __init__(self, *, code: str, message: str, index: int | None = None) -> None:
        place = "" if index is None else f" (entry {index})"
        super().__init__(f"{code} {message}{place}.".strip(), hint=_REFUSAL_HINTS.get(code, _REFUSAL_HINT))
        self.code = code
        self.message = message
        self.index = index


class AuthenticationError(WaypostError):
    """The key is missing, wrong, ended or revoked, or lacks the scope for this call."""

    def __init__(self) -> None:
        super().__init__(
            "The server does not accept the key for this call.",
            hint="Check api_key or WAYPOST_API_KEY, that the key is still valid, and its scopes.",
        )


class NotFoundError(WaypostError):
    """There is no such thing, not for this key, or the server does not serve this call."""

    def __init__(self) -> None:
        super().__init__(
            "The server knows nothing of that name.",
            hint="Check the id and base_url; another account's things are not shown, and some servers lack this call.",
        )


class TooLargeError(WaypostError):
    """The request's body is over the server's limit."""

    def __init__(self) -> None:
        super().__init__("The request is too large for the server.", hint="Send fewer messages at once, or less of it.")


class RateLimitedError(WaypostError):
    """
    Too many requests; the client has waited as often and as long as it was allowed to.

    ``retry_after_seconds`` is what the server asks for, or None.
    """

    def __init__(self, *, retry_after_seconds: float | None) -> None:
        asked = "" if retry_after_seconds is None else f" for {retry_after_seconds:g} s"
        super().__init__(
            "The server's rate limit is reached.", hint=f"Wait{asked}, and send less often or more per request."
        )
        self.retry_after_seconds = retry_after_seconds


class UnavailableError(WaypostError):
    """
    The server could not be reached or was overloaded, also after trying again. Nothing has been carried out.

    ``retry_after_seconds`` is what the server asks for, or None.
    """

    def __init__(self, text: str, *, hint: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(text, hint=hint)
        self.retry_after_seconds = retry_after_seconds


class OutcomeUnknownError(UnavailableError):
    """
    The request may have been carried out, and its answer was lost.

    ``idempotency_key`` is the key that a send was made with: the same messages sent again with it are never sent
    twice. None for other calls, and for sends without a key.
    """

    def __init__(self, text: str, *, idempotency_key: str | None, retry_after_seconds: float | None = None) -> None:
        hint = (
            "Look whether it was carried out before you repeat it."
            if idempotency_key is None
            else "Send the same messages again with this error's idempotency_key: they cannot be sent twice."
        )
        super().__init__(text, hint=hint, retry_after_seconds=retry_after_seconds)
        self.idempotency_key = idempotency_key


class UnexpectedAnswerError(WaypostError):
    """An answer that no server of this API gives; ``status`` is its HTTP status."""

    def __init__(self, text: str, *, status: int) -> None:
        super().__init__(text, hint="Check that base_url leads to the server itself, and look into the server's log.")
        self.status = status


class MessageFailedError(WaypostError):
    """A message that was waited for has failed; ``remark`` is such as ``8003 WhatsApp contact does not exist``."""

    def __init__(self, *, message_id: str, remark: str) -> None:
        code = remark.partition(" ")[0]
        super().__init__(
            f"Message {message_id} has failed: {remark}.", hint=_REFUSAL_HINTS.get(code, "It will not be sent.")
        )
        self.message_id = message_id
        self.remark = remark
        self.code = code


class WaitTimeoutError(WaypostError, TimeoutError):
    """A message had not come as far as it was waited for; ``status`` is how far it had."""

    def __init__(self, *, message_id: str, status: str) -> None:
        super().__init__(
            f"Message {message_id} is still {status}.",
            hint="Wait longer, or learn by webhook; a message is read when the recipient reads it.",
        )
        self.message_id = message_id
        self.status = status


class WebhookError(WaypostError):
    """A request to the application that is no webhook of this account; answer it 400 or 401."""


class WebhookSignatureError(WebhookError):
    """Not signed with one of the secrets, or too long ago."""

    def __init__(self, text: str) -> None:
        super().__init__(text, hint="Answer 401; if it was genuine, check the secret and the clock.")


class WebhookFormatError(WebhookError):
    """Its content is not what webhooks have."""

    def __init__(self, text: str) -> None:
        super().__init__(text, hint="Answer 400, and check that the sender posts v2 webhooks.")
