"""
Every fault that the sandbox knows, in plain words, and how a form becomes its rule.

The sandbox shares no code with the gateway, so its kinds are written out again here; a test holds the two equal.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from waypost.web.manage.problems import invalid

Form = Literal["seconds", "code", "choice", "statuses", "text"]
TARGETS: Final = (
    ("messages", "sending messages"),
    ("media", "media"),
    ("objects", "templates, groups and numbers"),
    ("receipts", "read receipts and typing"),
    ("all", "every call"),
)
STATUSES: Final = ("sent", "delivered", "read", "failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A member of a fault's rule; ``default`` is what the form proposes, ``""`` leaves it to the sandbox."""

    name: str
    label: str
    form: Form
    default: str = ""
    choices: tuple[str, ...] = ()
    hint: str = ""
    is_required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultKind:
    """One kind of fault; ``has_target``: it can hit other calls than the sending of messages."""

    kind: str
    title: str
    meaning: str
    group: str
    parameters: tuple[Parameter, ...] = ()
    has_target: bool = False


_ANSWERS: Final = "What Meta answers"
_LOST: Final = "Answers that get lost"
_STATUSES: Final = "Statuses and webhooks"
_SECONDS: Final = Parameter(name="seconds", label="Seconds", form="seconds")

FAULT_KINDS: Final[Sequence[FaultKind]] = (
    FaultKind(
        kind="throttle",
        title="Throttling",
        meaning="Meta wants fewer messages; the number rests, and the try does not count.",
        group=_ANSWERS,
        has_target=True,
        parameters=(
            Parameter(name="retry_after", label="Retry after, seconds", form="seconds", hint="Empty: it does not say."),
            Parameter(name="code", label="Code", form="code", default="130429"),
        ),
    ),
    FaultKind(
        kind="http_5xx",
        title="Server errors",
        meaning="Meta is in trouble; what can be tried again is.",
        group=_ANSWERS,
        has_target=True,
        parameters=(
            Parameter(name="status", label="HTTP status", form="code", default="503"),
            Parameter(name="body", label="Body", form="choice", default="json", choices=("json", "html", "none")),
            Parameter(name="code", label="Code", form="code", default="131000"),
        ),
    ),
    FaultKind(
        kind="graph_error",
        title="Refusal with a code",
        meaning="Meta understands and will not; the code decides what becomes of the message.",
        group=_ANSWERS,
        has_target=True,
        parameters=(
            Parameter(
                name="code",
                label="Code",
                form="code",
                default="131026",
                hint="131026 not on WhatsApp, 131047 window closed, 190 token expired, 131056 pair limit.",
                is_required=True,
            ),
            Parameter(name="status", label="HTTP status", form="code"),
            Parameter(name="subcode", label="Subcode", form="code"),
            Parameter(name="details", label="Details", form="text"),
        ),
    ),
    FaultKind(
        kind="slow",
        title="Slow answers",
        meaning="The answer comes late.",
        group=_ANSWERS,
        has_target=True,
        parameters=(Parameter(name="seconds", label="Seconds", form="seconds", default="2", is_required=True),),
    ),
    FaultKind(
        kind="reset_before",
        title="Connection breaks before",
        meaning="The connection breaks before the message is taken.",
        group=_LOST,
        has_target=True,
    ),
    FaultKind(
        kind="reset_after",
        title="Connection breaks after",
        meaning="The message is taken, then the connection breaks: the gateway cannot know.",
        group=_LOST,
    ),
    FaultKind(
        kind="hang",
        title="No answer",
        meaning="The request is swallowed: not taken, never answered.",
        group=_LOST,
        has_target=True,
        parameters=(Parameter(name="seconds", label="Seconds", form="seconds", hint="Empty: until it is given up."),),
    ),
    FaultKind(
        kind="lost_answer",
        title="Lost answer",
        meaning="The message is taken, and its answer lost. It must arrive once all the same.",
        group=_LOST,
        parameters=(
            Parameter(name="then", label="Then", form="choice", default="hang", choices=("hang", "close")),
            _SECONDS,
        ),
    ),
    FaultKind(
        kind="truncated",
        title="Half an answer",
        meaning="The message is taken, and the answer cannot be read.",
        group=_LOST,
        parameters=(
            Parameter(name="body", label="Body", form="choice", default="cut", choices=("cut", "empty", "no_messages")),
        ),
    ),
    FaultKind(
        kind="failed_status",
        title="Failure after acceptance",
        meaning="The message is taken, and a status says later that it failed.",
        group=_STATUSES,
        parameters=(
            Parameter(name="code", label="Code", form="code", default="131026"),
            Parameter(name="after", label="After", form="choice", default="accepted", choices=("accepted", "sent")),
        ),
    ),
    FaultKind(
        kind="statuses_before_answer",
        title="Statuses before the answer",
        meaning="Webhooks overtake the answer to the request.",
        group=_STATUSES,
        parameters=(Parameter(name="seconds", label="Answer after, seconds", form="seconds", default="10"),),
    ),
    FaultKind(
        kind="duplicate_status",
        title="Statuses twice",
        meaning="Every status is told twice.",
        group=_STATUSES,
    ),
    FaultKind(
        kind="reordered_statuses",
        title="Statuses in disorder",
        meaning="Statuses come in this order.",
        group=_STATUSES,
        parameters=(Parameter(name="order", label="Order", form="statuses", default="read, delivered, sent"),),
    ),
    FaultKind(
        kind="skipped_statuses",
        title="Statuses left out",
        meaning="These things happen, and are not told.",
        group=_STATUSES,
        parameters=(
            Parameter(name="statuses", label="Left out", form="statuses", default="delivered", is_required=True),
        ),
    ),
    FaultKind(
        kind="delayed_statuses",
        title="Late statuses",
        meaning="Statuses come late.",
        group=_STATUSES,
        parameters=(Parameter(name="seconds", label="Seconds", form="seconds", default="30", is_required=True),),
    ),
    FaultKind(
        kind="webhook_loss",
        title="Lost webhooks",
        meaning="Meta does not post what happens.",
        group=_STATUSES,
        parameters=(
            Parameter(name="of", label="Of", form="choice", default="all", choices=("all", "statuses", "messages")),
        ),
    ),
)


def fault_kind(kind: str) -> FaultKind:
    """Return the fault of this name. Raises ``Problem``."""
    for one in FAULT_KINDS:
        if one.kind == kind:
            return one
    raise invalid("kind", "is no fault of the sandbox", hint="Choose one of the page.")


def rule_of(kind: FaultKind, fields: Mapping[str, str]) -> dict[str, Any]:
    """Return the rule that a form describes, fields that are empty left out. Raises ``Problem``."""
    rule: dict[str, Any] = {"kind": kind.kind}
    for parameter in kind.parameters:
        text = fields.get(parameter.name, "").strip()
        if text:
            rule[parameter.name] = _value(parameter, text)
        elif parameter.is_required:
            raise invalid(parameter.label.lower(), "is missing", hint=f"Give it to switch on “{kind.title}”.")
    count, share, number = (fields.get(name, "").strip() for name in ("count", "share", "number"))
    if count:
        rule["count"] = _whole("how often", count)
    if share:
        rule["share"] = _whole("share", share) / 100
    if number:
        rule["number"] = number
    if kind.has_target and fields.get("target"):
        rule["target"] = fields["target"]
    return rule


def facts_of(kind: FaultKind | None, rule: Mapping[str, Any]) -> str:
    """Return in one line what a rule in force does, without whom it is for."""
    parts = [
        f"{parameter.label.lower()} {_shown(rule[parameter.name])}"
        for parameter in (kind.parameters if kind is not None else ())
        if rule.get(parameter.name) is not None
    ]
    if rule.get("target", "messages") != "messages":
        parts.append(f"at {dict(TARGETS).get(str(rule['target']), rule['target'])}")
    share = rule.get("share")
    if isinstance(share, int | float) and share < 1:
        parts.append(f"{100 * share:.0f} % of them")
    return ", ".join(parts)


def _value(parameter: Parameter, text: str) -> Any:
    match parameter.form:
        case "seconds":
            try:
                return float(text)
            except ValueError:
                raise invalid(parameter.label.lower(), "is no number", hint="Write it as 2 or 0.5.") from None
        case "code":
            return _whole(parameter.label.lower(), text)
        case "statuses":
            return [word for word in text.replace(",", " ").lower().split() if word]
        case _:
            return text


def _whole(place: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > 9:
        raise invalid(place, "is no whole number", hint="Write digits only.")
    return int(text)


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
