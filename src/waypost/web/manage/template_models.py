"""What may be asked of templates, and what is shown of them, by the manage API and the command line alike."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from waypost.contract.template_management import COMPONENTS_MAX, NAME_CHARACTERS_MAX
from waypost.store.template_reading import MirrorRecord, TemplateRecord
from waypost.web.manage.requests import Request
from waypost.web.manage.views import View, as_optional_time, as_time
from waypost.web.template_preview import RenderedButton, RenderedTemplate


def _upper(written: Any) -> Any:
    return written.upper() if isinstance(written, str) else written


def _check_components(components: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if any(type(component.get("type")) is not str for component in components):
        raise ValueError("each must have a `type`, such as BODY")
    return components


SourceId = Annotated[str, StringConstraints(min_length=1, max_length=64)]
TemplateName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+$", min_length=1, max_length=NAME_CHARACTERS_MAX)]
Language = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(_[A-Za-z]{2,4})?$")]
Category = Annotated[Literal["AUTHENTICATION", "MARKETING", "UTILITY"], BeforeValidator(_upper)]
Components = Annotated[
    list[dict[str, Any]], Field(min_length=1, max_length=COMPONENTS_MAX), AfterValidator(_check_components)
]


class TemplateCreation(Request):
    """A new template; ``components`` are the provider's, forwarded unchanged."""

    name: TemplateName
    language: Language
    category: Category
    components: Components
    source_id: SourceId | None = Field(default=None, description="Whose business account; null: the default source's.")
    allow_category_change: bool | None = Field(default=None, description="The provider may choose another category.")
    parameter_format: Literal["POSITIONAL", "NAMED"] | None = None
    message_send_ttl_seconds: int | None = Field(default=None, ge=-1, le=2_592_000)

    def upstream(self) -> dict[str, Any]:
        """Return the definition as the provider takes it."""
        return self.model_dump(exclude={"source_id"}, exclude_none=True)


class TemplateChange(Request):
    """What to change of a template; it is reviewed again."""

    category: Category | None = None
    components: Components | None = None


class ButtonValue(Request):
    """What one button is given: the end of its URL, or the code it copies."""

    index: int = Field(ge=0, le=9, description="The button's place, counted from 0.")
    value: Annotated[str, StringConstraints(max_length=2000)]


class TemplatePreview(Request):
    """The values to show a template with."""

    parameters: list[Annotated[str, StringConstraints(max_length=4096)]] = Field(
        default=[], max_length=200, description="Of the header's variables, then of the body's."
    )
    buttons: list[ButtonValue] = Field(default=[], max_length=10)


class TemplateSync(Request):
    """Whose list of templates to read anew."""

    source_id: SourceId | None = Field(default=None, description="Null: those of all sources.")


class TemplateView(View):
    """One template in one language, as last seen at the provider."""

    id: str = Field(description="The provider's.")
    name: str
    language: str
    category: str
    status: str = Field(description="The provider's word, such as APPROVED, PENDING, REJECTED, PAUSED.")
    quality: str = Field(description="GREEN, YELLOW, RED or UNKNOWN; empty: not told yet.")
    rejected_reason: str = Field(description="Empty: not rejected, or not told.")
    components: list[dict[str, Any]]
    waba_id: str
    changed_at: datetime = Field(description="When a change of it was seen last.")

    @classmethod
    def of(cls, record: TemplateRecord) -> Self:
        """Return the view of a mirrored template."""
        return cls(
            id=record.provider_id,
            name=record.name,
            language=record.language,
            category=record.category,
            status=record.status,
            quality=record.quality,
            rejected_reason=record.rejected_reason,
            components=record.components,
            waba_id=record.waba_id,
            changed_at=as_time(record.changed_at_us),
        )


class TemplateListView(View):
    """How fresh the copy of one business account's templates is."""

    waba_id: str
    synced_at: datetime | None = Field(description="Null: it has not been read yet.")
    due_at: datetime
    failure: str | None = Field(description="Why the last reading failed; null: it did not.")

    @classmethod
    def of(cls, record: MirrorRecord) -> Self:
        """Return the view of a mirror."""
        return cls(
            waba_id=record.waba_id,
            synced_at=as_optional_time(record.synced_at_us),
            due_at=as_time(record.due_at_us),
            failure=record.failure,
        )


class TemplateListsView(View):
    """How fresh all copies are."""

    items: list[TemplateListView]


class PreviewButtonView(View):
    """One button of a preview."""

    kind: str
    label: str
    target: str = Field(description="Where it leads, or what it copies; empty: nowhere outside.")

    @classmethod
    def of(cls, button: RenderedButton) -> Self:
        """Return the view of a rendered button."""
        return cls(kind=button.kind, label=button.label, target=button.target)


class PreviewView(View):
    """A template with values in it; variables without a value stand as they are written."""

    header_kind: str = Field(description="Empty: no header; `text`, or the kind of its file.")
    header: str
    body: str
    footer: str
    buttons: list[PreviewButtonView]
    cards: list["PreviewView"]

    @classmethod
    def of(cls, rendered: RenderedTemplate) -> Self:
        """Return the view of a rendered template."""
        return cls(
            header_kind=rendered.header_kind,
            header=rendered.header,
            body=rendered.body,
            footer=rendered.footer,
            buttons=[PreviewButtonView.of(button) for button in rendered.buttons],
            cards=[PreviewView.of(card) for card in rendered.cards],
        )
