"""The groups of settings, and the types of their values; ``settings.Settings`` is the tree they hang on."""

import ipaddress
import json
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic import model_validator as check_together
from pydantic_settings import NoDecode

from waypost.domain.pricing import PriceList, PriceListError
from waypost.settings_text import check_blob_url, check_database_url, check_web_url

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_DAY_SECONDS = 86_400.0
_KB = 1_000
_MB = 1_000_000


def _split_commas(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _parse_network(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return ipaddress.ip_network(value, strict=False)
    except ValueError as error:
        raise ValueError(f"`{value}` is not a network such as 10.0.0.0/8") from error


Networks = Annotated[
    tuple[Annotated[_Network, BeforeValidator(_parse_network)], ...], NoDecode, BeforeValidator(_split_commas)
]
SecondsList = Annotated[
    tuple[Annotated[float, Field(ge=0, le=7 * _DAY_SECONDS)], ...], NoDecode, BeforeValidator(_split_commas)
]
Role = Literal["accept", "dispatch", "receive", "notify", "maintenance"]
Roles = Annotated[tuple[Role, ...], NoDecode, BeforeValidator(_split_commas), Field(min_length=1)]
WebUrl = Annotated[str, AfterValidator(check_web_url)]
DatabaseUrl = Annotated[str, AfterValidator(check_database_url)]
BlobUrl = Annotated[str, AfterValidator(check_blob_url)]
Seconds = Annotated[float, Field(gt=0, le=30 * _DAY_SECONDS)]
Count = Annotated[int, Field(ge=1)]
Size = Annotated[int, Field(ge=1)]
Days = Annotated[float, Field(gt=0, le=3650)]


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class ContractSettings(_Group):
    """How the v2 API speaks where the contract leaves a choice."""

    failure_http_status: Literal["200", "4xx"] = Field(
        "200",
        description="HTTP status of refusals: `200` as the contract has it, or `4xx` (400, 404, 409, 422).",
    )
    leading_space: bool = Field(False, description="Put the legacy API's leading space before every failure text.")


class S3Settings(_Group):
    """The S3-compatible store, when `WAYPOST_BLOB_URL` begins with `s3://`."""

    endpoint_url: WebUrl | None = Field(None, description="URL of the store; unset means the cloud's own.")
    region: str = Field("us-east-1", description="Region the requests are signed for.")
    access_key_id: SecretStr | None = Field(None, description="Access key; unset means the machine's own identity.")
    secret_access_key: SecretStr | None = Field(None, description="Secret of the access key.")
    virtual_hosted: bool = Field(False, description="Address buckets as `bucket.host` instead of `host/bucket`.")
    timeout_seconds: Seconds = Field(60.0, description="Longest time of one request to the store, in seconds.")


class StoreSettings(_Group):
    """The database."""

    queue_items_max: Count = Field(20_000, description="Most items waiting for a transaction; above it: 503.")
    directory_poll_seconds: Seconds = Field(
        0.5, description="How often accounts, keys, sources and endpoints are checked for change, in seconds."
    )


class LeaseSettings(_Group):
    """Who owns which sending numbers."""

    lease_seconds: Seconds = Field(120.0, description="Life of a shard's lease, in seconds.")
    renew_seconds: Seconds = Field(30.0, description="Time between renewals, in seconds.")
    margin_seconds: Seconds = Field(60.0, description="Life a lease must still have for a send to start, in seconds.")

    @check_together(mode="after")
    def _leave_room(self) -> Self:
        if self.renew_seconds + self.margin_seconds >= self.lease_seconds:
            raise ValueError("renew_seconds + margin_seconds must be less than lease_seconds")
        return self


class DispatchSettings(_Group):
    """Handing messages to the provider."""

    in_flight_max: Annotated[int, Field(ge=1, le=4096)] = Field(
        256, description="Most requests to the provider at once."
    )
    batch_max: Count = Field(200, description="Most messages claimed or settled in one transaction.")
    poll_seconds: Seconds = Field(1.0, description="Longest wait before looking for due messages again, in seconds.")
    number_rate_per_second: Annotated[float, Field(gt=0, le=10_000)] = Field(
        72.0, description="Starts per second and number; with the burst below the provider's 80."
    )
    number_burst: Count = Field(8, description="Starts a rested number may make at once.")
    pair_interval_seconds: Annotated[float, Field(ge=0, le=3600)] = Field(
        6.0, description="Time between starts to one recipient from one number, in seconds."
    )
    pair_burst: Count = Field(10, description="Starts a rested pair of number and recipient may make at once.")
    attempts_max: Annotated[int, Field(ge=1, le=50)] = Field(8, description="Most tries to hand one message upstream.")
    connect_timeout_seconds: Seconds = Field(5.0, description="Longest wait for a connection upstream, in seconds.")
    request_timeout_seconds: Seconds = Field(40.0, description="Longest time of one request upstream, in seconds.")
    soft_refusal_wait_seconds: Seconds = Field(
        30.0, description="Wait for a status after a 5xx with an error body, before the next try, in seconds."
    )
    hold_seconds: Seconds = Field(300.0, description="Least time an attempt stays in doubt before release, in seconds.")
    ingress_gap_seconds: Seconds = Field(
        15.0, description="Longest gap in our ingress that still counts as healthy, in seconds."
    )
    cohort_window_seconds: Seconds = Field(
        120.0, description="Sends this close to one in doubt are its cohort, in seconds before and after."
    )
    cohort_size_min: Count = Field(20, description="Least size of a cohort that counts as evidence.")
    sweep_seconds: Seconds = Field(5.0, description="Time between looks at attempts in doubt, in seconds.")
    doubt_seconds_max: Seconds = Field(
        _DAY_SECONDS, description="An attempt in doubt for this long ends as of unknown outcome, in seconds."
    )
    http_client: Literal["pyreqwest", "aiohttp"] = Field(
        "pyreqwest", description="HTTP client towards the provider; `aiohttp` is slower and stands in for it."
    )


class BulkSettings(_Group):
    """Bulk sends."""

    chunk_rows: Annotated[int, Field(ge=1, le=1000)] = Field(
        500, description="Most rows of a bulk send that become messages in one transaction."
    )
    backlog_max: Count = Field(
        2000, description="Most messages of one bulk send that wait to be sent; its other rows wait as rows."
    )
    poll_seconds: Seconds = Field(1.0, description="Longest wait before looking for bulk sends to feed, in seconds.")
    rows_max: Annotated[int, Field(ge=1, le=1_000_000_000)] = Field(
        5_000_000, description="Most rows of one bulk send."
    )


class ReceiveSettings(_Group):
    """What the provider reports."""

    heartbeat_seconds: Seconds = Field(5.0, description="Time between marks that our ingress is up, in seconds.")
    parked_hours: Annotated[float, Field(gt=0, le=2160)] = Field(
        336.0, description="How long a status that matches no message is kept for a late match, in hours."
    )
    template_list_seconds: Seconds = Field(
        600.0, description="Time between readings of a business account's templates, in seconds, made longer by chance."
    )


class NotifySettings(_Group):
    """Telling the customer's webhooks."""

    schedule_seconds: Annotated[SecondsList, Field(min_length=1, max_length=30)] = Field(
        (0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400),
        description="Wait before each try, in seconds, separated by commas; ten tries over 75.6 hours.",
    )
    jitter_share: Annotated[float, Field(ge=0, le=1)] = Field(
        0.2, description="Share of a wait that chance may add to it, 0 to 1."
    )
    timeout_seconds: Seconds = Field(15.0, description="Longest time of one delivery, in seconds.")
    connect_timeout_seconds: Seconds = Field(5.0, description="Longest wait for a connection, in seconds.")
    endpoint_concurrency_max: Count = Field(4, description="Most deliveries to one endpoint at a time.")
    concurrency_max: Count = Field(64, description="Most deliveries in all at a time.")
    batch_max: Count = Field(500, description="Most notifications claimed or settled in one transaction.")
    poll_seconds: Seconds = Field(1.0, description="Longest wait before looking for due ones again, in seconds.")
    disable_after_seconds: Seconds = Field(
        5 * _DAY_SECONDS, description="An endpoint that failed for this long is disabled, in seconds."
    )
    response_bytes_max: Size = Field(4 * _KB, description="Most of a foreign answer that is read and kept, in bytes.")


class MediaSettings(_Group):
    """Attachments and uploads."""

    fetch_timeout_seconds: Seconds = Field(60.0, description="Longest time of fetching one attachment, in seconds.")
    connect_timeout_seconds: Seconds = Field(5.0, description="Longest wait for a connection, in seconds.")
    first_byte_timeout_seconds: Seconds = Field(10.0, description="Longest wait for an answer to begin, in seconds.")
    rate_bytes_per_second_min: Size = Field(10 * _KB, description="Slower downloads are given up, in bytes per second.")
    redirects_max: Annotated[int, Field(ge=0, le=10)] = Field(3, description="Most redirects followed.")
    account_fetches_max: Count = Field(4, description="Most fetches of one account at a time.")
    # The provider caches a link for ten minutes too (Sep 2026), so nothing older is served without asking.
    cache_seconds: Annotated[float, Field(ge=0, le=600)] = Field(
        600.0, description="A fetched URL is used again for this long without asking its server, in seconds."
    )
    provider_days: Days = Field(30.0, description="Life of a media id at the provider, in days.")
    provider_renew_days: Annotated[float, Field(ge=1, le=3650)] = Field(
        1.0, description="A media id this close to its end is made anew, in days."
    )

    @check_together(mode="after")
    def _leave_time_to_serve(self) -> Self:
        if self.provider_renew_days >= self.provider_days:
            raise ValueError("provider_renew_days must be less than provider_days")
        return self


class LimitSettings(_Group):
    """How much one caller may ask for."""

    message_body_bytes_max: Size = Field(1 * _MB, description="Largest body of a message request, in bytes.")
    webhook_body_bytes_max: Size = Field(4 * _MB, description="Largest body of a provider's webhook, in bytes.")
    upload_body_bytes_max: Size = Field(101 * 1024 * 1024, description="Largest body of a media upload, in bytes.")
    other_body_bytes_max: Size = Field(1 * _MB, description="Largest body of any other request, in bytes.")
    account_requests_per_second: Annotated[float, Field(ge=0)] = Field(
        0.0, description="Requests per second of one account, with a burst of as many; 0 is no limit. Above it: 429."
    )
    account_queued_max: Count = Field(2_000_000, description="Most unsent messages of one account; above it: 429.")
    queued_max: Count = Field(10_000_000, description="Most unsent messages in all; above it: 503.")
    account_exports_max: Count = Field(
        4, description="Exports of one account, and counts of bulk sends' outcomes, at once on a node; above it: 429."
    )
    exports_max: Count = Field(16, description="Most exports of all accounts that run at once; above it: 429.")
    account_stored_bytes_max: Size = Field(50_000 * _MB, description="Most media bytes kept for one account, in bytes.")
    login_failures_max: Count = Field(50, description="Wrong keys from one address in a minute before it gets 429.")


class HttpSettings(_Group):
    """The guard before the HTTP server."""

    connections_max: Count = Field(1000, description="Most open connections; above it: 503.")
    address_connections_max: Count = Field(
        50, description="Most open connections of one address outside `trusted_proxies`; above it: 503."
    )
    header_bytes_max: Size = Field(16 * 1024, description="Largest request line and headers together, in bytes.")
    header_lines_max: Count = Field(100, description="Most header lines of a request.")
    header_seconds: Seconds = Field(10.0, description="Time from the first byte to the end of the headers, in seconds.")
    first_byte_seconds: Seconds = Field(10.0, description="Time from connecting to the first byte, in seconds.")
    keep_alive_seconds: Seconds = Field(15.0, description="Time a connection may rest between requests, in seconds.")
    body_bytes_per_second_min: Annotated[int, Field(ge=0)] = Field(
        1 * _KB, description="Least rate of a body in each window, in bytes per second."
    )
    body_window_seconds: Seconds = Field(10.0, description="Length of such a window, in seconds.")
    write_stall_seconds: Seconds = Field(30.0, description="Time a client may leave an answer unread, in seconds.")
    backlog: Count = Field(2048, description="Connections the system may hold before we take them.")


class ConsoleSettings(_Group):
    """The web console under `/console/`."""

    enabled: bool = Field(True, description="Serve the console, where requests are accepted.")
    idle_minutes: Annotated[float, Field(ge=1, le=1440)] = Field(
        60.0, description="A session that is not used for so long ends, in minutes."
    )
    session_hours: Annotated[float, Field(gt=0, le=168)] = Field(
        12.0, description="A session ends this long after signing in, used or not, in hours."
    )
    live_pages_max: Count = Field(200, description="Most pages that are kept up to date at once; others show as made.")
    live_pages_per_user_max: Count = Field(
        20, description="Most pages of one user that are kept up to date at once, in all sessions."
    )

    @property
    def idle_us(self) -> int:
        """``idle_minutes`` in microseconds."""
        return int(self.idle_minutes * 60e6)

    @property
    def session_us(self) -> int:
        """``session_hours`` in microseconds."""
        return int(self.session_hours * 3600e6)


class RetentionSettings(_Group):
    """How long things are kept."""

    text_days: Days = Field(30.0, description="Message content, in days after the message's end.")
    metadata_days: Days = Field(90.0, description="Everything else about a message, in days after its end.")
    raw_webhook_days: Days = Field(14.0, description="Raw bodies of the provider's webhooks, in days.")
    media_days: Days = Field(30.0, description="Media bytes after their last use, in days.")
    idempotency_hours: Annotated[float, Field(gt=0, le=8760)] = Field(72.0, description="Idempotency keys, in hours.")
    audit_days: Days = Field(400.0, description="Records of who changed what, in days.")
    sweep_seconds: Seconds = Field(300.0, description="Time between sweeps, in seconds.")


def _check_price_list(text: str) -> str:
    try:
        PriceList.of(json.loads(text))
    except PriceListError as error:
        raise ValueError(str(error)) from error
    except ValueError as error:
        raise ValueError("is not JSON") from error
    return text


class ReportSettings(_Group):
    """Figures and exports."""

    prices: Annotated[str, AfterValidator(_check_price_list)] | None = Field(
        None,
        description="Price list as JSON, for costs in reports: "
        '`{"currency": "USD", "prices": {"utility": "0.004", "marketing": {"91": "0.01", "*": "0.05"}}}`.',
    )
    tally_days: Days = Field(1100.0, description="Counts of events, in days after their hour.")


class LinkSettings(_Group):
    """Tracked links."""

    base_url: WebUrl | None = Field(
        None, description="Public URL under which people's phones reach this gateway; unset tracks no links."
    )
    clicks_per_second_max: Annotated[float, Field(gt=0, le=100_000)] = Field(
        200.0, description="Most clicks taken in a second, of all people together; above it: 429."
    )
