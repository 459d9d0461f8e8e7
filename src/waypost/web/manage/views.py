"""
What the manage API and the command line show of accounts, keys, sources and webhook endpoints.

One closed model for each: what is not named here is not told, and secrets are named nowhere. Times are RFC 3339, UTC.
"""

from datetime import UTC, datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from waypost.domain.policy import SourcePolicy
from waypost.store.accounts import AccountRecord, KeyRecord
from waypost.store.audit import AuditEntry
from waypost.store.endpoints import EndpointRecord, Timestamps
from waypost.store.sources import SourceRecord

_SECONDS_MAX = 253_402_300_799


def as_time(time_us: int) -> datetime:
    """Return microseconds since the epoch as an aware time."""
    return datetime.fromtimestamp(time_us // 1_000_000, UTC).replace(microsecond=time_us % 1_000_000)


def as_optional_time(time_us: int | None) -> datetime | None:
    """Return microseconds since the epoch as an aware time, None as None."""
    return None if time_us is None else as_time(time_us)


def as_microseconds(time: datetime) -> int:
    """Return an aware time as microseconds since the epoch; beyond the year 9999 in UTC, that year's last second."""
    return min(int(time.timestamp()), _SECONDS_MAX) * 1_000_000 + time.microsecond


class View(BaseModel):
    """A closed answer: no member beyond those declared."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class AccountView(View):
    """An account and its switches."""

    id: str
    name: str
    created_at: datetime
    disabled_at: datetime | None = Field(description="Since when its keys are refused; null while it works.")
    skip_optin: bool
    implicit_optin: bool
    linktrack: bool
    at_most_once: bool
    source_policy: SourcePolicy
    stop_words: list[str]
    requests_per_second_max: float | None = Field(description="Null: the gateway's own limit.")
    queued_messages_max: int | None = Field(description="Null: the gateway's own limit.")

    @classmethod
    def of(cls, record: AccountRecord) -> Self:
        """Return the view of a stored account."""
        switches = record.switches
        return cls(
            id=record.id,
            name=record.name,
            created_at=as_time(record.created_at_us),
            disabled_at=as_optional_time(record.disabled_at_us),
            skip_optin=switches.skip_optin,
            implicit_optin=switches.implicit_optin,
            linktrack=switches.linktrack,
            at_most_once=switches.at_most_once,
            source_policy=switches.source_policy,
            stop_words=list(switches.stop_words),
            requests_per_second_max=switches.requests_per_second_max,
            queued_messages_max=switches.queued_messages_max,
        )


class KeyView(View):
    """An API key, without the secret."""

    id: str
    name: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None = Field(description="Null: never.")
    revoked_at: datetime | None
    last_used_at: datetime | None = Field(description="To the minute; null: not yet.")

    @classmethod
    def of(cls, record: KeyRecord) -> Self:
        """Return the view of a stored key."""
        return cls(
            id=record.id,
            name=record.name,
            scopes=sorted(record.scopes),
            created_at=as_time(record.created_at_us),
            expires_at=as_optional_time(record.expires_at_us),
            revoked_at=as_optional_time(record.revoked_at_us),
            last_used_at=as_optional_time(record.last_used_at_us),
        )


class NewKeyView(KeyView):
    """A key just made: the only time that ``key`` is shown."""

    key: str = Field(description="Keep it now: it is shown only once.")


class PaceView(View):
    """How fast a source may send."""

    rate_per_second: float
    burst: int


class SourceView(View):
    """A sending number, without its secrets."""

    id: str
    name: str
    phone_number: str
    phone_number_id: str
    waba_id: str
    provider: str
    is_default: bool
    has_groups: bool
    pace: PaceView | None = Field(description="Null: the gateway's own pace.")
    paused_reason: str | None = Field(description="Null: it sends.")
    paused_at: datetime | None
    has_app_secret: bool = Field(description="Without one, webhooks of this number are refused.")
    app_secret_old_until: datetime | None = Field(description="Until when the replaced app secret is accepted too.")
    webhook_path: str = Field(description="Where the provider is to post this number's webhooks.")
    created_at: datetime

    @classmethod
    def of(cls, record: SourceRecord) -> Self:
        """Return the view of a stored source."""
        return cls(
            id=record.id,
            name=record.name,
            phone_number=record.phone_number,
            phone_number_id=record.phone_number_id,
            waba_id=record.waba_id,
            provider=record.provider,
            is_default=record.is_default,
            has_groups=record.has_groups,
            pace=None if record.pace is None else PaceView(rate_per_second=record.pace.rate, burst=record.pace.burst),
            paused_reason=record.paused_reason,
            paused_at=as_optional_time(record.paused_at_us),
            has_app_secret=record.has_app_secret,
            app_secret_old_until=as_optional_time(record.app_secret_old_until_us),
            webhook_path=f"/webhooks/cloud_api/{record.id}",
            created_at=as_time(record.created_at_us),
        )


class NewSourceView(SourceView):
    """A source just made: the only time that ``verify_token`` is shown."""

    verify_token: str = Field(description="Enter it at the provider beside the webhook's URL.")


class EndpointView(View):
    """A webhook endpoint, without its secret and without the values of its headers."""

    id: str
    name: str
    url: str
    kinds: list[str]
    header_names: list[str]
    max_batch: int
    timestamps: Timestamps | None = Field(description="Null: dates in events, unix seconds in incoming messages.")
    source_ids: list[str] | None = Field(description="Null: of all sources.")
    stickers: bool
    secret_old_until: datetime | None = Field(description="Until when the replaced secret signs too.")
    disabled_reason: str | None = Field(description="Null: it is in use.")
    disabled_at: datetime | None
    failing_since: datetime | None
    created_at: datetime

    @classmethod
    def of(cls, record: EndpointRecord) -> Self:
        """Return the view of a stored endpoint."""
        return cls(
            id=record.id,
            name=record.name,
            url=record.url,
            kinds=sorted(record.kinds),
            header_names=list(record.header_names),
            max_batch=record.max_batch,
            timestamps=record.timestamps,
            source_ids=None if record.source_ids is None else sorted(record.source_ids),
            stickers=record.stickers,
            secret_old_until=as_optional_time(record.secret_old_until_us),
            disabled_reason=record.disabled_reason,
            disabled_at=as_optional_time(record.disabled_at_us),
            failing_since=as_optional_time(record.failing_since_us),
            created_at=as_time(record.created_at_us),
        )


class NewEndpointView(EndpointView):
    """An endpoint whose secret was just made: the only time that ``secret`` is shown."""

    secret: str = Field(description="Verify webhooks with it; shown only once.")


class AuditView(View):
    """One change: who, what, when."""

    id: str
    actor: str
    action: str
    target: str
    at: datetime

    @classmethod
    def of(cls, entry: AuditEntry) -> Self:
        """Return the view of a stored entry."""
        return cls(id=entry.id, actor=entry.actor, action=entry.action, target=entry.target, at=as_time(entry.at_us))
