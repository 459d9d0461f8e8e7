"""How changes to templates end: what was made, or a problem with the provider's reason. The commands ask here too."""

from waypost.providers.cloud_api.calls import CallFailure, CallFailureKind
from waypost.store.template_reading import TemplateRecord
from waypost.web.manage.problems import Problem, ProblemKind, invalid, not_found
from waypost.web.manage.template_models import PreviewView, TemplatePreview
from waypost.web.template_preview import count_variables, render_template

_MEMBERS = frozenset({"name", "language", "category", "components", "parameter_format", "message_send_ttl_seconds"})


def made(end: TemplateRecord | CallFailure) -> TemplateRecord:
    """Return the template that was made or changed, or raise why it was not."""
    if isinstance(end, CallFailure):
        raise problem_of(end)
    return end


def removed(end: CallFailure | None) -> None:
    """Raise why a template was not deleted."""
    if end is not None:
        raise problem_of(end)


def problem_of(failure: CallFailure, *, noun: str = "template") -> Problem:
    """Return a call that the provider did not carry out, as a problem with what to do about it."""
    match failure.kind:
        case CallFailureKind.REFUSED if failure.member in _MEMBERS:
            return invalid(
                f"body.{failure.member}",
                f"the provider refuses it: {failure.detail}",
                hint="Change it as the provider asks, and try again.",
            )
        case CallFailureKind.REFUSED:
            return Problem(
                ProblemKind.CONFLICT,
                f"The provider refuses it: {failure.detail}",
                hint="Only approved, rejected and paused templates can be changed, once in 24 hours.",
            )
        case CallFailureKind.NOT_FOUND:
            return not_found(noun)
        case CallFailureKind.CREDENTIALS:
            return Problem(
                ProblemKind.CONFLICT,
                f"The provider does not take the source's token for this: {failure.detail}",
                hint="Run: waypost doctor. The token needs whatsapp_business_management.",
            )
        case CallFailureKind.THROTTLED:
            return Problem(
                ProblemKind.PROVIDER_BUSY,
                f"The provider wants fewer calls: {failure.detail}",
                hint="Wait an hour: it counts calls by the hour.",
                retry_after_seconds=3_600,
            )
        case CallFailureKind.UNREACHABLE:
            return Problem(
                ProblemKind.PROVIDER_AWAY,
                f"The provider gave no answer: {failure.detail}",
                hint="Look whether it was done all the same, then try again.",
            )


def preview_of(record: TemplateRecord, request: TemplatePreview) -> PreviewView:
    """Return a template with values in it; more values than it takes are a fault."""
    takes = count_variables(record.components, category=record.category)
    if len(request.parameters) > takes:
        raise invalid("body.parameters", f"the template takes {takes} values", hint="Leave out the others.")
    return PreviewView.of(
        render_template(
            record.components,
            category=record.category,
            parameters=request.parameters,
            button_values={button.index: button.value for button in request.buttons},
        )
    )
