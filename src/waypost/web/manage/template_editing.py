"""How changes to templates end: what was made, or a problem with the provider's reason. The commands ask here too."""

from waypost.providers.cloud_api.calls import CallFailure, CallFailureKind
from waypost.store.directory import Snapshot, Source
from waypost.store.template_reading import TemplateRecord
from waypost.web.manage.call_problems import CallHints, problem_of_call
from waypost.web.manage.problems import Problem, ProblemKind, invalid
from waypost.web.manage.template_models import PreviewView, TemplatePreview
from waypost.web.template_preview import count_variables, render_template

_MEMBERS = frozenset({"name", "language", "category", "components", "parameter_format", "message_send_ttl_seconds"})
_HINTS = CallHints(
    noun="template",
    refused="Only approved, rejected and paused templates can be changed, once in 24 hours.",
    credentials="Run: waypost doctor. The token needs whatsapp_business_management.",
    throttled="Wait an hour: it counts calls by the hour.",
    retry_after_seconds=3_600,
    unreachable="Look whether it was done all the same, then try again.",
)


def source_reaching(known: Snapshot, account_id: str, record: TemplateRecord) -> Source:
    """Return a source of the account by which a template can be changed. Raises ``Problem``."""
    source = known.source_reaching(account_id, record.waba_id)
    if source is None:
        raise Problem(
            ProblemKind.CONFLICT,
            "No source of this account is of the template's business account any more.",
            hint="Connect a number of that business account again.",
        )
    return source


def made(end: TemplateRecord | CallFailure) -> TemplateRecord:
    """Return the template that was made or changed, or raise why it was not."""
    if isinstance(end, CallFailure):
        raise problem_of_template(end)
    return end


def removed(end: CallFailure | None) -> None:
    """Raise why a template was not deleted."""
    if end is not None:
        raise problem_of_template(end)


def problem_of_template(failure: CallFailure) -> Problem:
    """Return why the provider did not do what was asked of a template."""
    if failure.kind is CallFailureKind.REFUSED and failure.member in _MEMBERS:
        return invalid(
            f"body.{failure.member}",
            f"the provider refuses it: {failure.detail}",
            hint="Change it as the provider asks, and try again.",
        )
    return problem_of_call(failure, _HINTS)


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
