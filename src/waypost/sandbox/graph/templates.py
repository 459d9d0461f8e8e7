"""Message templates of business accounts: create, review, edit, delete, and the checks at send time."""

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from waypost.sandbox import ids
from waypost.sandbox.clock import now_us
from waypost.sandbox.graph.errors import GraphError, invalid, missing
from waypost.sandbox.graph.shape import a_list, a_text
from waypost.sandbox.graph.template_parameters import VARIABLE, check_components
from waypost.sandbox.journal import Journal

CATEGORIES = ("AUTHENTICATION", "MARKETING", "UTILITY")
STATUSES = ("APPROVED", "PENDING", "REJECTED", "PAUSED", "DISABLED")
QUALITIES = ("GREEN", "YELLOW", "RED", "UNKNOWN")
_EDITABLE = ("APPROVED", "REJECTED", "PAUSED")
_NAME = re.compile(r"[a-z0-9_]{1,512}")
_BODY_CHARS_MAX = 1024


@dataclass(slots=True, kw_only=True)
class Template:
    """One template in one language. `template_id` is digits."""

    template_id: str
    waba_id: str
    name: str
    language: str
    category: str
    components: list[dict[str, Any]]
    status: str = "PENDING"
    parameter_format: str = "POSITIONAL"
    rejected_reason: str = "NONE"
    quality: str = "UNKNOWN"
    extra: dict[str, Any] = field(default_factory=dict)

    def view(self) -> dict[str, Any]:
        return {
            "id": self.template_id,
            "name": self.name,
            "parameter_format": self.parameter_format,
            "components": self.components,
            "language": self.language,
            "status": self.status,
            "category": self.category,
            "rejected_reason": self.rejected_reason,
            "quality_score": {"score": self.quality},
            **self.extra,
        }

    def event(self) -> dict[str, Any]:
        """Return the value of `message_template_status_update`; the id is a JSON number there."""
        return {
            "event": self.status,
            **self.naming(),
            "message_template_category": self.category,
            "reason": self.rejected_reason if self.status == "REJECTED" else None,
        }

    def naming(self) -> dict[str, Any]:
        """Return the members by which every webhook about it names it."""
        return {
            "message_template_id": int(self.template_id),
            "message_template_name": self.name,
            "message_template_language": self.language,
        }


class Templates:
    """All templates by id. `review` is called with each one that is new or edited and has to be decided."""

    def __init__(self, journal: Journal, *, name_block_seconds: float = 30 * 86_400.0) -> None:
        self._journal = journal
        self._name_block_us = round(name_block_seconds * 1_000_000)
        self._templates: dict[str, Template] = {}
        # Account, name and language of deleted templates that had been approved: until when they are blocked.
        self._blocked_until_us: dict[tuple[str, str, str], int] = {}
        self.review: Callable[[Template], None] = lambda template: None  # noqa: ARG005 - until someone reviews

    def of_account(self, waba_id: str) -> list[Template]:
        """Return the templates of an account, newest first."""
        return [template for template in reversed(self._templates.values()) if template.waba_id == waba_id]

    def every(self) -> list[Template]:
        """Return all templates, oldest first."""
        return list(self._templates.values())

    def find(self, template_id: str) -> Template | None:
        return self._templates.get(template_id)

    def create(self, waba_id: str, body: dict[str, Any]) -> Template:
        """Create a template in status PENDING; raise GraphError."""
        name = a_text(body, "name", at="name") or ""
        if not _NAME.fullmatch(name):
            raise invalid("Param name must be 1 to 512 lower-case letters, digits or underscores.")
        language = a_text(body, "language", at="language") or ""
        category = a_text(body, "category", at="category") or ""
        if category.upper() not in CATEGORIES:
            raise invalid(f"Param category must be one of {{{', '.join(CATEGORIES)}}}.")
        if self.named(waba_id, name, language) is not None:
            raise GraphError(100, "There is already content in this language for this template.", subcode=2388024)
        if self._blocked_until_us.get((waba_id, name, language), 0) > now_us():
            # As Meta tells of a name deleted less than 30 days ago (template guides, Sep 2026).
            raise GraphError(100, "The name belongs to a template that is being deleted.", subcode=2388023)
        template = Template(
            template_id=ids.object_id(),
            waba_id=waba_id,
            name=name,
            language=language,
            category=category.upper(),
            components=_as_listed(_checked_components(body), category.upper()),
            parameter_format=str(body.get("parameter_format", "POSITIONAL")).upper(),
        )
        self._save(template)
        self.review(template)
        return template

    def edit(self, template: Template, body: dict[str, Any]) -> None:
        """Change category or components; the template is reviewed again. Raise GraphError."""
        if template.status not in _EDITABLE:
            raise invalid(f"A template in status {template.status} cannot be edited.")
        if "components" in body:
            template.components = _as_listed(_checked_components(body), template.category)
        if "category" in body:
            category = str(body["category"]).upper()
            if category not in CATEGORIES:
                raise invalid(f"Param category must be one of {{{', '.join(CATEGORIES)}}}.")
            template.category = category
        template.status = "PENDING"
        self._save(template)
        self.review(template)

    def set_status(self, template: Template, status: str, reason: str = "NONE") -> None:
        template.status = status
        template.rejected_reason = reason
        self._save(template)

    def set_quality(self, template: Template, quality: str) -> None:
        template.quality = quality
        self._save(template)

    def set_category(self, template: Template, category: str) -> None:
        template.category = category
        self._save(template)

    def delete(self, waba_id: str, name: str, template_id: str | None) -> bool:
        """Delete all languages of a name, or the one with this id; return whether there was any."""
        gone = [
            template
            for template in self.of_account(waba_id)
            if template.name == name and template_id in (None, template.template_id)
        ]
        for template in gone:
            del self._templates[template.template_id]
            record: dict[str, Any] = {"kind": "template_deleted", "template_id": template.template_id}
            if template.status == "APPROVED" and self._name_block_us:
                record |= {"waba_id": waba_id, "name": name, "language": template.language}
                record["blocked_until_us"] = now_us() + self._name_block_us
            self._journal.write(record)
            self._note_block(record)
        return bool(gone)

    def _note_block(self, record: dict[str, Any]) -> None:
        if "blocked_until_us" in record:
            key = (record["waba_id"], record["name"], record["language"])
            self._blocked_until_us[key] = record["blocked_until_us"]

    def category_of(self, waba_id: str, node: dict[str, Any]) -> str:
        """Return the category of the template a send names, in lower case as webhooks have it."""
        template = self.named(waba_id, node["name"], node["language"]["code"])
        return "utility" if template is None else template.category.lower()

    def check_send(self, waba_id: str, node: dict[str, Any]) -> None:
        """Check the `template` object of a send: 132001, 132015, 132016, 132000, 132012, 132005."""
        name, language = node["name"], node["language"]["code"]
        template = self.named(waba_id, name, language)
        if template is None:
            raise GraphError(132001, f"template name ({name}) does not exist in {language}")
        if template.status == "PAUSED":
            raise GraphError(132015, f"Template {name} is paused.")
        if template.status == "DISABLED":
            raise GraphError(132016, f"Template {name} is disabled.")
        if template.status != "APPROVED":
            raise GraphError(132001, f"template name ({name}) is not approved in {language}")
        check_components(template.components, node.get("components", []))

    def replay(self, record: dict[str, Any]) -> None:
        """Take back one journal line of ours; others are left alone."""
        match record["kind"]:
            case "template":
                fields = {name: value for name, value in record.items() if name != "kind"}
                self._templates[record["template_id"]] = Template(**fields)
            case "template_deleted":
                self._templates.pop(record["template_id"], None)
                self._note_block(record)
            case _:
                pass

    def pending(self) -> list[Template]:
        return [template for template in self._templates.values() if template.status == "PENDING"]

    def named(self, waba_id: str, name: str, language: str) -> Template | None:
        """Return an account's template of this name and language."""
        for template in self._templates.values():
            if template.name == name and template.language == language and template.waba_id == waba_id:
                return template
        return None

    def _save(self, template: Template) -> None:
        self._templates[template.template_id] = template
        self._journal.write({"kind": "template", **asdict(template)})


def _checked_components(body: dict[str, Any]) -> list[dict[str, Any]]:
    components = a_list(body, "components", at="components", least=1, most=10)
    kinds = []
    for index, component in enumerate(components):
        if not isinstance(component, dict) or not isinstance(component.get("type"), str):
            raise missing(f"components[{index}]['type']")
        kinds.append(component["type"].upper())
        text = component.get("text")
        limit = {"BODY": _BODY_CHARS_MAX, "HEADER": 60, "FOOTER": 60}.get(kinds[-1])
        if text is not None and limit is not None and len(str(text)) > limit:
            raise invalid(f"Param components[{index}]['text'] must be at most {limit} characters long.")
        if text is not None and VARIABLE.search(str(text)) and kinds[-1] == "BODY" and "example" not in component:
            raise GraphError(100, "A component with variables needs an example.", subcode=2388043)
        if kinds[-1] == "BUTTONS":
            a_list(component, "buttons", at=f"components[{index}]['buttons']", least=1, most=10)
    if "BODY" not in kinds:
        raise missing("components BODY")
    return components


def _as_listed(components: list[dict[str, Any]], category: str) -> list[dict[str, Any]]:
    """Return components as a listing has them: of a one-time password's template, with text and URL filled in."""
    if category != "AUTHENTICATION":
        return components
    listed = []
    for component in components:
        kind = component["type"].upper()
        if kind == "BODY":
            advice = (
                " For your security, do not share this code." if component.get("add_security_recommendation") else ""
            )
            listed.append({**component, "text": f"*{{{{1}}}}* is your verification code.{advice}"})
        elif kind == "BUTTONS":
            listed.append({**component, "buttons": [_code_button(button) for button in component["buttons"]]})
        else:
            listed.append(component)
    return listed


def _code_button(button: dict[str, Any]) -> dict[str, Any]:
    if str(button.get("type", "")).upper() != "OTP":
        return button
    otp_type = button.get("otp_type", "COPY_CODE")
    url = f"https://www.whatsapp.com/otp/code/?otp_type={otp_type}&code=otp{{{{1}}}}"
    return {"type": "URL", "text": button.get("text", "Copy code"), "url": url}
