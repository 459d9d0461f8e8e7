"""
What may be asked of the manage API, and of the command line: closed models, so that an unknown member is refused.

A member left out of a change stays as it is; one that is given as null is unset, where its type allows null.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from waypost.contract.management import CREDENTIAL
from waypost.domain.address import normalise_business_number
from waypost.domain.consent import DEFAULT_STOP_WORDS
from waypost.domain.errors import FailureReason
from waypost.domain.policy import SourcePolicy
from waypost.store.endpoints import BATCH_ENTRIES_MAX
from waypost.web.auth import Scope
from waypost.web.manage.paging import CURSOR_CHARACTERS_MAX


def _check_phone_number(written: str) -> str:
    digits = normalise_business_number(written)
    if digits is None:
        raise ValueError("must be country code and number, 10 to 15 digits")
    return digits


def _check_secret(secret: SecretStr) -> SecretStr:
    if not CREDENTIAL.fullmatch(secret.get_secret_value()):
        raise ValueError("must be 1 to 4096 visible ASCII characters")
    return secret


Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
PhoneNumber = Annotated[str, StringConstraints(max_length=40), AfterValidator(_check_phone_number)]
ProviderId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Secret = Annotated[SecretStr, AfterValidator(_check_secret)]
StopWords = Annotated[list[Annotated[str, StringConstraints(min_length=1, max_length=50)]], Field(max_length=50)]
Provider = Literal["meta", "sandbox"]
Kinds = Annotated[list[Literal["incoming", "event", "notice"]], Field(min_length=1, max_length=3)]
Headers = Annotated[dict[str, str], Field(max_length=20)]
SourceIds = Annotated[list[Annotated[str, StringConstraints(max_length=64)]], Field(min_length=1, max_length=200)]
Recipients = Annotated[list[PhoneNumber], Field(min_length=1, max_length=1000)]


class Request(BaseModel):
    """A closed request: an unknown member is a fault, and values are taken as they are."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class PaceRequest(Request):
    """How fast a source may send: ``burst`` at once, then ``rate_per_second``."""

    rate_per_second: float = Field(gt=0, le=10_000, allow_inf_nan=False)
    burst: int = Field(ge=1, le=10_000)


class AccountCreation(Request):
    """A new account."""

    name: Name
    skip_optin: bool = False
    implicit_optin: bool = True
    linktrack: bool = False
    at_most_once: bool = False
    source_policy: SourcePolicy = SourcePolicy.STRICT
    stop_words: StopWords = Field(default=list(DEFAULT_STOP_WORDS))
    requests_per_second_max: float | None = Field(default=None, gt=0, le=1_000_000, allow_inf_nan=False)
    queued_messages_max: int | None = Field(default=None, ge=1, le=1_000_000_000)


class AccountChange(Request):
    """What to change of an account."""

    name: Name | None = None
    skip_optin: bool | None = None
    implicit_optin: bool | None = None
    linktrack: bool | None = None
    at_most_once: bool | None = None
    source_policy: SourcePolicy | None = None
    stop_words: StopWords | None = None
    requests_per_second_max: float | None = Field(
        default=None, gt=0, le=1_000_000, allow_inf_nan=False, description="Null: the gateway's own limit."
    )
    queued_messages_max: int | None = Field(
        default=None, ge=1, le=1_000_000_000, description="Null: the gateway's own limit."
    )


class KeyCreation(Request):
    """A new API key; a key can give no scope that it does not have."""

    name: Name
    scopes: list[Scope] = Field(min_length=1, max_length=len(Scope))
    expires_at: AwareDatetime | None = Field(default=None, description="RFC 3339 with offset; null: never.")


class SourceCreation(Request):
    """A new sending number."""

    name: Name
    phone_number: PhoneNumber
    phone_number_id: ProviderId
    waba_id: ProviderId
    access_token: Secret
    app_secret: Secret | None = Field(default=None, description="Without it, webhooks of this number are refused.")
    verify_token: Secret | None = Field(default=None, description="Left out: a random one is made.")
    provider: Provider | None = Field(default=None, description="Left out: the gateway's default.")
    is_default: bool = False
    has_groups: bool = False
    pace: PaceRequest | None = Field(default=None, description="Null: the gateway's own pace.")


class SourceChange(Request):
    """What to change of a source; a replaced app secret is accepted for another 24 h."""

    name: Name | None = None
    phone_number: PhoneNumber | None = None
    phone_number_id: ProviderId | None = None
    waba_id: ProviderId | None = None
    access_token: Secret | None = None
    app_secret: Secret | None = None
    verify_token: Secret | None = None
    provider: Provider | None = None
    is_default: Literal[True] | None = Field(default=None, description="A default is made elsewhere, never unmade.")
    has_groups: bool | None = None
    pace: PaceRequest | None = Field(default=None, description="Null: the gateway's own pace.")


class SourcePause(Request):
    """Why a source is paused, for those who look at it later."""

    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)] = "paused by hand"


class WebhookCreation(Request):
    """A new webhook endpoint."""

    url: Annotated[str, StringConstraints(min_length=1, max_length=2048)]
    name: Name | None = Field(default=None, description="Left out: the URL's host.")
    kinds: Kinds = ["incoming", "event"]
    headers: Headers = Field(default={}, description="Sent with every webhook; values are never shown again.")
    max_batch: int = Field(default=1, ge=1, le=BATCH_ENTRIES_MAX)
    timestamps: Literal["date", "unix"] | None = None
    source_ids: SourceIds | None = None
    stickers: bool = True


class WebhookChange(Request):
    """What to change of a webhook endpoint; ``headers`` replaces all of them."""

    url: Annotated[str, StringConstraints(min_length=1, max_length=2048)] | None = None
    name: Name | None = None
    kinds: Kinds | None = None
    headers: Headers | None = None
    max_batch: int | None = Field(default=None, ge=1, le=BATCH_ENTRIES_MAX)
    timestamps: Literal["date", "unix"] | None = Field(default=None, description="Null: each kind's own form.")
    source_ids: SourceIds | None = Field(default=None, description="Null: of all sources.")
    stickers: bool | None = None


class WebhookDisabling(Request):
    """Why an endpoint is disabled, for those who look at it later."""

    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)] = "disabled by hand"


class Replay(Request):
    """Which dead letters to deliver again: those that were made in this span of time."""

    since: AwareDatetime
    until: AwareDatetime


class ConsentCheck(Request):
    """Whose consent to look up; in the body, since numbers do not belong into URLs."""

    recipients: Recipients


class ConsentExport(Request):
    """Which page of all consents; the cursor is a number, and so it is in the body too."""

    cursor: str | None = Field(default=None, max_length=CURSOR_CHARACTERS_MAX)
    limit: int = Field(default=200, ge=1, le=200)


class ConsentFile(Request):
    """Which file to make: where recipients stand now, or everything that was recorded; as CSV or JSON."""

    content: Literal["consents", "history"] = "consents"
    form: Literal["csv", "json"] = "csv"


class ConsentHistory(Request):
    """Whose history to read."""

    recipient: PhoneNumber
    cursor: str | None = Field(default=None, max_length=CURSOR_CHARACTERS_MAX)
    limit: int = Field(default=50, ge=1, le=200)


MessageStatus = Literal[
    "scheduled",
    "waiting",
    "queued",
    "dispatching",
    "in_doubt",
    "accepted",
    "sent",
    "delivered",
    "read",
    "played",
    "failed",
    "expired",
    "cancelled",
    "unknown",
]


class MessageSearch(Request):
    """What to look for; in the body, since numbers do not belong into URLs. All that is given must match."""

    recipient: Annotated[str, StringConstraints(min_length=1, max_length=128)] | None = None
    x_apiheader: Annotated[str, StringConstraints(max_length=4096)] | None = Field(default=None, alias="x-apiheader")
    wamid: Annotated[str, StringConstraints(min_length=1, max_length=512)] | None = None
    id: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = None
    statuses: list[MessageStatus] | None = Field(default=None, max_length=14)
    failures: list[FailureReason] | None = Field(default=None, max_length=20, description="Reasons of failure.")
    failure_codes: list[Annotated[int, Field(ge=0, le=2**31 - 1)]] | None = Field(
        default=None, max_length=20, description="The provider's own codes."
    )
    source_id: Annotated[str, StringConstraints(max_length=64)] | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    order: Literal["newest", "oldest"] = Field(default="newest", description="Which messages come first.")
    cursor: str | None = Field(
        default=None, max_length=CURSOR_CHARACTERS_MAX, description="`next_cursor` or `previous_cursor` of a page."
    )
    limit: int = Field(default=50, ge=1, le=200)


class Rescheduling(Request):
    """When to send a scheduled message instead."""

    scheduled_at: AwareDatetime = Field(
        description="RFC 3339 with offset, at most 30 days ahead; a time that has passed means at once."
    )


def given(request: Request) -> frozenset[str]:
    """Return the members that the caller gave, null or not."""
    return frozenset(request.model_fields_set)
