"""
The Python client of the v2 API, for Waypost and for the hosted original.

    from waypost.client import Client, Text

    with Client("https://gateway.example", api_key) as client:
        sent = client.send(Text(to="12025550143", body="Your bicycle is ready."))
        client.wait_for(sent.id, "delivered")

``AsyncClient`` has the same methods. Webhooks are verified and read by ``waypost.client.webhooks``. Nothing else of
Waypost is imported.
"""

from waypost.client.client import AsyncClient, Client
from waypost.client.connection import Timeouts
from waypost.client.consent import Consent, ConsentReport, Evidence, FailedRecipient
from waypost.client.errors import (
    AuthenticationError,
    ConfigurationError,
    MessageFailedError,
    NotFoundError,
    OutcomeUnknownError,
    RateLimitedError,
    RefusedError,
    TooLargeError,
    UnavailableError,
    UnexpectedAnswerError,
    WaitTimeoutError,
    WaypostError,
    WebhookError,
    WebhookFormatError,
    WebhookSignatureError,
)
from waypost.client.interactive import (
    ChoiceList,
    CloudInteractive,
    LinkButton,
    ReplyButton,
    ReplyButtons,
    Row,
    Section,
)
from waypost.client.media import MediaFile
from waypost.client.messages import (
    ContactCard,
    Contacts,
    Custom,
    Location,
    Media,
    MediaTemplate,
    Message,
    Reaction,
    Template,
    Text,
)
from waypost.client.reports import MessagePage, Period, Stats
from waypost.client.retrying import Retries
from waypost.client.sending import MessageReport, Sent, Step
from waypost.client.sources import NewSource, Source, SourceChange
from waypost.client.templates import TemplateInfo, TemplatePage

__all__ = [
    "AsyncClient",
    "AuthenticationError",
    "ChoiceList",
    "Client",
    "CloudInteractive",
    "ConfigurationError",
    "Consent",
    "ConsentReport",
    "ContactCard",
    "Contacts",
    "Custom",
    "Evidence",
    "FailedRecipient",
    "LinkButton",
    "Location",
    "Media",
    "MediaFile",
    "MediaTemplate",
    "Message",
    "MessageFailedError",
    "MessagePage",
    "MessageReport",
    "NewSource",
    "NotFoundError",
    "OutcomeUnknownError",
    "Period",
    "RateLimitedError",
    "Reaction",
    "RefusedError",
    "ReplyButton",
    "ReplyButtons",
    "Retries",
    "Row",
    "Section",
    "Sent",
    "Source",
    "SourceChange",
    "Stats",
    "Step",
    "Template",
    "TemplateInfo",
    "TemplatePage",
    "Text",
    "Timeouts",
    "TooLargeError",
    "UnavailableError",
    "UnexpectedAnswerError",
    "WaitTimeoutError",
    "WaypostError",
    "WebhookError",
    "WebhookFormatError",
    "WebhookSignatureError",
]
