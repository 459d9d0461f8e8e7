"""Faults by rule: what goes wrong, for how many, for whom."""

import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from waypost.sandbox.ledger import Plan

Check = Callable[[Any], bool]


def _is_seconds(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 86_400


def _is_code(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 99_999_999


def _is_http_error(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 400 <= value <= 599


def _is_status_list(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(v in ("sent", "delivered", "read", "failed") for v in value)


def _one_of(*choices: str) -> Check:
    return lambda value: value in choices


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


# Families: of each, the first rule that matches acts. kind: (family, {parameter: (check, default, is required)})
_Parameters = dict[str, tuple[Check, Any, bool]]
KINDS: dict[str, tuple[str, _Parameters]] = {
    "slow": ("pace", {"seconds": (_is_seconds, None, True)}),
    "hang": ("request", {"seconds": (_is_seconds, None, False)}),
    "reset_before": ("request", {}),
    "reset_after": ("request", {}),
    "http_5xx": (
        "request",
        {
            "status": (_is_http_error, 500, False),
            "body": (_one_of("none", "json", "html"), "json", False),
            "code": (_is_code, 131000, False),
        },
    ),
    "graph_error": (
        "request",
        {
            "code": (_is_code, None, True),
            "status": (_is_http_error, None, False),
            "subcode": (_is_code, None, False),
            "details": (_is_text, None, False),
        },
    ),
    "throttle": (
        "request",
        {"retry_after": (_is_seconds, None, False), "code": (_is_code, 130429, False)},
    ),
    "lost_answer": (
        "request",
        {"then": (_one_of("hang", "close"), "hang", False), "seconds": (_is_seconds, None, False)},
    ),
    "truncated": ("request", {"body": (_one_of("cut", "empty", "no_messages"), "cut", False)}),
    "statuses_before_answer": ("early", {"seconds": (_is_seconds, 10, False)}),
    "failed_status": (
        "outcome",
        {"code": (_is_code, 131000, False), "after": (_one_of("accepted", "sent"), "accepted", False)},
    ),
    "duplicate_status": ("order", {}),
    "reordered_statuses": ("order", {"order": (_is_status_list, ["read", "delivered", "sent"], False)}),
    "skipped_statuses": ("order", {"statuses": (_is_status_list, None, True)}),
    "delayed_statuses": ("delay", {"seconds": (_is_seconds, None, True)}),
    "webhook_loss": ("webhook", {"of": (_one_of("statuses", "messages", "all"), "all", False)}),
}

TARGETS = ("messages", "media", "objects", "receipts", "all")
_COMMON = ("kind", "count", "share", "number", "target")
# What has an effect outside of POST /messages.
_ANY_TARGET = ("slow", "hang", "reset_before", "http_5xx", "graph_error", "throttle")


class FaultRuleError(Exception):
    """A rule that cannot be: the message says which part and what it may be."""


@dataclass(slots=True, kw_only=True)
class FaultRule:
    """One rule. `count` None: until it is deleted. `number` None: for all; else a phone's or a business's number or
    its phone number id."""

    id: str
    kind: str
    family: str
    target: str
    count: int | None
    share: float
    number: str | None
    parameters: dict[str, Any]
    hits: int = 0

    def view(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "kind": self.kind,
            "target": self.target,
            "count": self.count,
            "share": self.share,
            "number": self.number,
            **self.parameters,
            "hits": self.hits,
            "is_spent": self.is_spent,
        }

    @property
    def is_spent(self) -> bool:
        return self.count is not None and self.hits >= self.count


class Faults:
    """The rules in force. They live in memory only: a restart is a world without faults."""

    def __init__(self) -> None:
        self._rules: dict[str, FaultRule] = {}
        self._random = random.Random(1)  # noqa: S311 - decides who is hit, guards nothing
        self.families: frozenset[str] = frozenset()

    def add(self, spec: Any) -> FaultRule:
        """Add a rule from its JSON form; raise FaultRuleError."""
        if not isinstance(spec, dict):
            raise FaultRuleError("the rule must be a JSON object")
        kind = spec.get("kind")
        if kind not in KINDS:
            raise FaultRuleError(f"kind must be one of {', '.join(KINDS)}")
        family, allowed = KINDS[kind]
        unknown = sorted(set(spec) - set(allowed) - set(_COMMON))
        if unknown:
            raise FaultRuleError(f"{kind} knows no {', '.join(unknown)}; it knows {', '.join((*_COMMON, *allowed))}")
        rule = FaultRule(
            id=secrets.token_hex(4),
            kind=kind,
            family=family,
            target=_target(spec, kind),
            count=_count(spec),
            share=_share(spec),
            number=_number(spec),
            parameters={name: _parameter(spec, name, *how) for name, how in allowed.items()},
        )
        self._rules[rule.id] = rule
        self._refresh()
        return rule

    def rules(self) -> list[FaultRule]:
        return list(self._rules.values())

    def remove(self, rule_id: str) -> FaultRule | None:
        rule = self._rules.pop(rule_id, None)
        self._refresh()
        return rule

    def clear(self, kind: str | None = None) -> None:
        """Remove all rules, or all of a kind."""
        self._rules = {} if kind is None else {rule.id: rule for rule in self._rules.values() if rule.kind != kind}
        self._refresh()

    def match(
        self, family: str, keys: tuple[str, ...], *, target: str = "messages", of: str = "all"
    ) -> FaultRule | None:
        """Return the first live rule of a family that hits, and count the hit. `keys` are all names of the parties."""
        if family not in self.families:
            return None
        for rule in self._rules.values():
            if rule.family != family or rule.is_spent or rule.target not in (target, "all"):
                continue
            if rule.number is not None and rule.number not in keys:
                continue
            if rule.parameters.get("of", "all") not in ("all", of):
                continue
            if rule.share < 1.0 and self._random.random() >= rule.share:
                continue
            rule.hits += 1
            if rule.is_spent:
                self._refresh()
            return rule
        return None

    def _refresh(self) -> None:
        self.families = frozenset(rule.family for rule in self._rules.values() if not rule.is_spent)


def shaped_plan(plan: Plan, rule: FaultRule) -> Plan:
    """Return the plan as a rule of the `order` family bends it."""
    match rule.kind:
        case "duplicate_status":
            return tuple(status for status in plan for _ in range(2))
        case "reordered_statuses":
            order: list[str] = rule.parameters["order"]
            return (*(status for status in order if status in plan), *(s for s in plan if s not in order))
        case _:
            skipped: list[str] = rule.parameters["statuses"]
            return tuple(f"-{status}" if status in skipped else status for status in plan)


def _target(spec: dict[str, Any], kind: str) -> str:
    target = spec.get("target", "messages")
    if target not in TARGETS:
        raise FaultRuleError(f"target must be one of {', '.join(TARGETS)}")
    if target != "messages" and kind not in _ANY_TARGET:
        raise FaultRuleError(f"{kind} can only have the target messages")
    return str(target)


def _count(spec: dict[str, Any]) -> int | None:
    count = spec.get("count")
    if count is not None and (not isinstance(count, int) or isinstance(count, bool) or count < 1):
        raise FaultRuleError("count must be a whole number from 1, or left out for no bound")
    return count


def _share(spec: dict[str, Any]) -> float:
    share = spec.get("share", 1.0)
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        raise FaultRuleError("share must be a number from 0 to 1")
    return float(share)


def _number(spec: dict[str, Any]) -> str | None:
    number = spec.get("number")
    if number is None:
        return None
    digits = "".join(c for c in str(number) if c.isdecimal())
    if not digits:
        raise FaultRuleError("number must be a phone's number, a business number or a phone_number_id")
    return digits


def _parameter(spec: dict[str, Any], name: str, check: Check, default: Any, is_required: bool) -> Any:  # noqa: FBT001
    if name not in spec:
        if is_required:
            raise FaultRuleError(f"{spec['kind']} needs {name}")
        return default
    if not check(spec[name]):
        raise FaultRuleError(f"{name} has a value it cannot have")
    return spec[name]
