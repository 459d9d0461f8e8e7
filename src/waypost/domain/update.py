"""
What one webhook of the provider says, element by element, in the house's words.

A provider's parser makes these, the ingester keeps what follows from them. Nothing of a webhook is an error: what is
not understood is a value too, kept in raw form and counted.
"""

from waypost.domain.group import GroupChange
from waypost.domain.inbound import InboundMessage
from waypost.domain.status import StatusFact
from waypost.domain.value import value


@value
class StatusUpdate:
    """
    One thing the provider says of one outbound message.

    ``wamid`` is the provider's id of the message, ``token`` the callback data it echoes, as it came; None if it echoes
    none. ``recipient`` is digits, a group's id or a user id, None where it shows none; ``participant`` is the group
    member it speaks of.
    """

    phone_number_id: str
    wamid: str
    fact: StatusFact
    token: str | None = None
    recipient: str | None = None
    participant: str | None = None


@value
class InboundUpdate:
    """One message from a person to the number."""

    phone_number_id: str
    message: InboundMessage


@value
class TemplateUpdate:
    """
    News of a template in one language; the words are the provider's.

    ``status``, ``quality`` and ``category`` are None where nothing is said of them; ``reason`` goes with the status,
    ``""`` if there is none. With all of them None something else has changed, such as the components.
    """

    waba_id: str
    provider_id: str
    name: str
    language: str
    status: str | None = None
    reason: str = ""
    quality: str | None = None
    category: str | None = None


@value
class GroupUpdate:
    """One thing the provider says of a group of the number."""

    phone_number_id: str
    change: GroupChange


@value
class OtherUpdate:
    """Something that has no rule here, such as news of the account; ``field`` is the provider's word for it."""

    field: str


@value
class ParkedUpdate:
    """
    An element that cannot be read; the raw webhook is kept with the reason.

    ``reason`` is one of a closed set of words, fit for a metric's label.
    """

    reason: str


Update = StatusUpdate | InboundUpdate | GroupUpdate | TemplateUpdate | OtherUpdate | ParkedUpdate
