"""Templates at the moment of sending: what the provider says of them now, and messages that fall back to one."""

from collections.abc import Mapping, Sequence

from waypost.domain.errors import FailureReason
from waypost.domain.message import MessageKind, Template
from waypost.domain.template import TemplateShape, TemplateVariant, check_template
from waypost.store.claiming import Candidate
from waypost.store.content import decode_content, encode_content
from waypost.store.directory import Snapshot
from waypost.store.provider_media import media_key_of
from waypost.store.templates import load_variants
from waypost.store.transaction import Tx


class TemplateFacts:
    """What is known of the templates that some messages are made from; of other messages nothing is asked."""

    def __init__(self, tx: Tx, snapshot: Snapshot, candidates: Sequence[Candidate]) -> None:
        self._snapshot = snapshot
        keys = {(c.account_id, self._waba_of(c), c.template_name) for c in candidates if c.template_name is not None}
        self._variants = load_variants(tx, sorted(keys)) if keys else {}
        self._contents: dict[str, Template] = {}

    def fault_of(self, candidate: Candidate) -> FailureReason | None:
        """Return why the provider would refuse the message's template; None if it would not, or nobody knows."""
        variants = self._variants_of(candidate)
        return None if variants is None else check_template(self._content_of(candidate), variants)

    def shape_of(self, candidate: Candidate) -> TemplateShape | None:
        """Return what the message's template is made of; None if it is from none, or nobody knows."""
        variants = self._variants_of(candidate)
        variant = None if variants is None else variants.get(self._content_of(candidate).language)
        return None if variant is None else variant.shape

    def _variants_of(self, candidate: Candidate) -> Mapping[str, TemplateVariant] | None:
        if candidate.template_name is None:
            return None
        return self._variants.get((candidate.account_id, self._waba_of(candidate), candidate.template_name))

    def _content_of(self, candidate: Candidate) -> Template:
        content = self._contents.get(candidate.id)
        if content is None:
            content = self._contents[candidate.id] = _template(candidate.content)
        return content

    def _waba_of(self, candidate: Candidate) -> str:
        source = self._snapshot.sources.get(candidate.source_id)
        return "" if source is None else source.waba_id


def fallen_back(candidate: Candidate) -> Candidate:
    """
    Return a message as the template it falls back to; only for one that has a fallback.

    What it was is still in its row until ``save_fallen_back``: ``fallback`` stays, and marks it until then.
    """
    assert candidate.fallback is not None
    template = _template(candidate.fallback)
    return candidate._replace(
        kind=template.kind.value,
        content=encode_content(template),
        media_key=media_key_of(template.attachment),
        template_name=template.name,
    )


def _template(stored: str) -> Template:
    content = decode_content(MessageKind.TEMPLATE, stored)
    assert isinstance(content, Template)
    return content
