"""
One table of the Cloud API's error codes: what each means for the attempt, the source and the customer.

The same code may stand in the answer to a POST or in a later ``failed`` status, and means the same in both. Codes and
their meaning: error codes page, Sep 2026, with the HTTP statuses of its copy of Dec 2025. Branch on the code, never on
the HTTP status: throttling is documented as 400 and seen as 429. Reasons: the contract's section 9.2.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from waypost.domain.errors import FailureReason, SendFailureKind, ThrottleScope
from waypost.domain.value import value
from waypost.providers.cloud_api.limits import DETAIL_CHARACTERS_MAX

PROVIDER_CODE_MAX: Final = 2**31 - 1


@value
class CodeMeaning:
    """What one code means; ``scope`` is given with ``THROTTLED`` and only then."""

    kind: SendFailureKind
    reason: FailureReason
    scope: ThrottleScope | None = None


_REJECTED = SendFailureKind.REJECTED
_MISCONFIGURED = SendFailureKind.MISCONFIGURED
_TRANSIENT = SendFailureKind.TRANSIENT
_THROTTLED = SendFailureKind.THROTTLED

_GROUPS: Final[tuple[tuple[tuple[int, ...], CodeMeaning], ...]] = (
    # Throttled: app, business account, number, spam limit of the number; group operations.
    (
        (4, 80007, 130429, 131048, 131208),
        CodeMeaning(kind=_THROTTLED, reason=FailureReason.TECHNICAL_ERROR, scope=ThrottleScope.SOURCE),
    ),
    ((131056,), CodeMeaning(kind=_THROTTLED, reason=FailureReason.TECHNICAL_ERROR, scope=ThrottleScope.PAIR)),
    # The provider's own trouble: unknown, down, something went wrong, unavailable.
    ((1, 2, 131000, 131016), CodeMeaning(kind=_TRANSIENT, reason=FailureReason.TECHNICAL_ERROR)),
    # Maintenance, server unavailable, just deleted, no-storage trouble, template syncing, flow throttled, migration.
    (
        (131057, 133004, 133015, 131035, 131036, 134101, 132069, 2494100),
        CodeMeaning(kind=_TRANSIENT, reason=FailureReason.PLATFORM_ERROR),
    ),
    # The source cannot send: token, permission, account locked, payment, number not registered.
    (
        (10, 190, *range(200, 300), 131031, 131042, 133010),
        CodeMeaning(kind=_MISCONFIGURED, reason=FailureReason.UNKNOWN_SOURCE),
    ),
    # Likewise, in the contract's words "anything else": authentication, capability, number deleted, token missing,
    # policy block, access denied, display name, payment set-up, certificate, registration steps, payment terms.
    (
        (0, 3, 33, 104, 368, 131005, 131037, 131044, 131045, 133000, 133005, 133006, 134011),
        CodeMeaning(kind=_MISCONFIGURED, reason=FailureReason.PLATFORM_ERROR),
    ),
    # This message will not be taken as it stands.
    ((131047,), CodeMeaning(kind=_REJECTED, reason=FailureReason.OUTSIDE_WINDOW)),
    ((131026,), CodeMeaning(kind=_REJECTED, reason=FailureReason.CONTACT_DOES_NOT_EXIST)),
    ((131050,), CodeMeaning(kind=_REJECTED, reason=FailureReason.NOT_OPTED_IN)),
    ((131051, 131052, 131053), CodeMeaning(kind=_REJECTED, reason=FailureReason.BAD_MEDIA)),
    ((132001, 132015, 132016), CodeMeaning(kind=_REJECTED, reason=FailureReason.INVALID_TEMPLATE)),
    (
        (132000, 132005, 132012, 132018),
        CodeMeaning(kind=_REJECTED, reason=FailureReason.INVALID_TEMPLATE_PARAMETER),
    ),
    # Invalid, missing or refused values; blocked, experiment, country, group, test list, marketing, flow, identity key.
    (
        (100, 130403, 130472, 130497, 130501, 131008, 131009, 131020, 131021, 131030, 131041, 131049, 131055, 131059),
        CodeMeaning(kind=_REJECTED, reason=FailureReason.PLATFORM_ERROR),
    ),
    (
        (131062, 131063, 131064, 131207, 131215, 132007, 132068, 134100, 134102, 135000, 137000),
        CodeMeaning(kind=_REJECTED, reason=FailureReason.PLATFORM_ERROR),
    ),
)

MEANINGS: Final[Mapping[int, CodeMeaning]] = MappingProxyType(
    {code: meaning for codes, meaning in _GROUPS for code in codes}
)
"""Every code with a meaning of its own; any other is ``UNKNOWN_CODE``."""

UNKNOWN_CODE: Final = CodeMeaning(kind=_REJECTED, reason=FailureReason.PLATFORM_ERROR)
"""A code that this release does not know: refused, and told as the contract's "anything else"."""

UNKNOWN_TRANSIENT_CODE: Final = CodeMeaning(kind=_TRANSIENT, reason=FailureReason.PLATFORM_ERROR)

NO_SUCH_OBJECT_SUBCODE: Final = 33
"""With code 100: the object in the path does not exist, or the token may not see it."""


@value
class GraphError:
    """One error object of the provider; ``detail`` is safe to keep: bounded, and without numbers or ids."""

    code: int
    subcode: int | None
    is_transient: bool
    detail: str

    @property
    def meaning(self) -> CodeMeaning:
        """What follows from the code."""
        known = MEANINGS.get(self.code)
        if known is not None:
            return known
        return UNKNOWN_TRANSIENT_CODE if self.is_transient else UNKNOWN_CODE


def read_error(error: Any) -> GraphError | None:
    """Read one error object, from an answer's ``error`` or a webhook's ``errors``; None if it names no code."""
    if not isinstance(error, dict):
        return None
    code = _integer(error.get("code"))
    if code is None:
        return None
    return GraphError(
        code=code,
        subcode=_integer(error.get("error_subcode")),
        is_transient=error.get("is_transient") is True,
        detail=_detail(error),
    )


def _integer(found: Any) -> int | None:
    """Return a code; some are sent as text. None for what is no code a database column could hold."""
    if isinstance(found, str) and found.isascii() and found.isdigit() and len(found) <= 10:
        found = int(found)
    if type(found) is int and 0 <= found <= PROVIDER_CODE_MAX:
        return found
    return None


# Six digits are a code, which the text may name; from seven on they may be a phone number or an id.
_LONG_DIGITS: Final = re.compile(r"\+?\d{7,}")
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f]+")


def _detail(error: dict[str, Any]) -> str:
    """Return the error's text: its message (or title) and details, without long digits."""
    data = error.get("error_data")
    parts = [error.get("message") or error.get("title"), data.get("details") if isinstance(data, dict) else None]
    return clean_detail(": ".join([part for part in parts if isinstance(part, str) and part]))


def clean_detail(text: str) -> str:
    """Return a foreign text fit to be stored and logged: bounded, printable, long runs of digits masked."""
    return _LONG_DIGITS.sub("…", _UNPRINTABLE.sub(" ", text[: 4 * DETAIL_CHARACTERS_MAX]))[:DETAIL_CHARACTERS_MAX]
