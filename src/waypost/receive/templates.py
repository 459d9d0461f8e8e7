"""
News of templates from the provider's webhooks: kept at once where the template is known, and a reason to read its list.

So a template that is paused is refused from this commit on, and what the news does not say is read within a second.
"""

from collections.abc import Sequence

from waypost.domain.update import TemplateUpdate
from waypost.domain.value import value
from waypost.outbox import News, template_notices
from waypost.store.template_mirror import LockedTemplate, change_templates, lock_templates, make_lists_due
from waypost.store.transaction import Tx


@value
class TemplateReport:
    """One piece of news, assigned to an account whose number belongs to the business account it is about."""

    account_id: str
    update: TemplateUpdate

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What tells the template from all others."""
        return self.account_id, self.update.waba_id, self.update.name, self.update.language


def keep_template_reports(tx: Tx, reports: Sequence[TemplateReport], *, now_us: int) -> list[News]:
    """
    Change the templates that reports are about, in their order, and return what to tell subscribers.

    What is known already is told no more. Of a template that is not in the copy only its new status is told; the copy
    gets it when its list is read.
    """
    make_lists_due(tx, {report.key[:2] for report in reports}, now_us=now_us)
    known = {template.key: template for template in lock_templates(tx, [report.key for report in reports])}
    changed: dict[tuple[str, str, str, str], LockedTemplate] = {}
    news: list[News] = []
    for report in reports:
        before = changed.get(report.key) or known.get(report.key)
        after = _changed(before or _unknown(report), report.update, now_us)
        news += template_notices(before, after, occurred_at_us=now_us)
        if before is not None:
            changed[report.key] = after
    change_templates(tx, list(changed.values()))
    return news


def _changed(template: LockedTemplate, update: TemplateUpdate, now_us: int) -> LockedTemplate:
    template = template._replace(
        quality=update.quality or template.quality, category=update.category or template.category, changed_at_us=now_us
    )
    if update.status is not None:
        template = template._replace(status=update.status, rejected_reason=update.reason)
    return template


def _unknown(report: TemplateReport) -> LockedTemplate:
    update = report.update
    return LockedTemplate(*report.key, update.provider_id, "", "", "", "", 0)
