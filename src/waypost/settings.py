"""
Every setting of Waypost, in one frozen tree.

A value is taken from the first place that has it: command-line flags, environment variables `WAYPOST_*`, the `.env`
file of the working directory, the default. Groups are joined with two underscores: `WAYPOST_DISPATCH__HOLD_SECONDS`.
`docs/settings.md` is generated from this module by `tools/settings_docs.py`.
"""

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic import model_validator as check_together
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from waypost.settings_text import (
    SettingsError,
    check_blob_url,
    check_database_url,
    check_web_url,
    explain,
    find_unknown_names,
)

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


class RetentionSettings(_Group):
    """How long things are kept."""

    text_days: Days = Field(30.0, description="Message content, in days after the message's end.")
    metadata_days: Days = Field(90.0, description="Everything else about a message, in days after its end.")
    raw_webhook_days: Days = Field(14.0, description="Raw bodies of the provider's webhooks, in days.")
    media_days: Days = Field(30.0, description="Media bytes after their last use, in days.")
    idempotency_hours: Annotated[float, Field(gt=0, le=8760)] = Field(72.0, description="Idempotency keys, in hours.")
    audit_days: Days = Field(400.0, description="Records of who changed what, in days.")
    sweep_seconds: Seconds = Field(300.0, description="Time between sweeps, in seconds.")


class Settings(BaseSettings):
    """The whole tree; build it with `Settings.load`."""

    model_config = SettingsConfigDict(
        env_prefix="WAYPOST_",
        env_nested_delimiter="__",
        env_ignore_empty=True,
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
    )

    host: str = Field("127.0.0.1", description="Address to listen on; `0.0.0.0` for all of IPv4.")
    port: Annotated[int, Field(ge=0, le=65_535)] = Field(8080, description="Port to listen on; 0 takes a free one.")
    operations_port: Annotated[int, Field(ge=1, le=65_535)] | None = Field(
        None, description="Separate port for `/metrics` and `/health`; unset serves them on the main port."
    )
    data_dir: Path = Field(Path("var"), description="Directory for what is kept on disk; the demo uses `var/demo`.")
    database_url: DatabaseUrl = Field(
        default_factory=lambda data: f"sqlite:///{Path(data['data_dir']).absolute()}/waypost.db",
        description="`sqlite:///<path>` or `postgresql://user:password@host/database`; default in the data directory.",
        repr=False,
    )
    blob_url: BlobUrl = Field(
        default_factory=lambda data: f"file://{Path(data['data_dir']).absolute()}/blobs",
        description="`file:///directory` or `s3://bucket/prefix`; default `blobs` in the data directory.",
    )
    base_url: WebUrl = Field(
        default_factory=lambda data: f"http://127.0.0.1:{data.get('port', 0)}",
        description="Public URL of this gateway, as customers and the provider see it; default the local address.",
    )
    trusted_proxies: Networks = Field(
        (), description="CIDRs, separated by commas, whose `X-Forwarded-For` is believed; empty believes nobody."
    )
    roles: Roles = Field(
        ("accept", "dispatch", "receive", "notify", "maintenance"),
        description="What this process does, separated by commas; default all of it.",
    )
    log_format: Literal["json", "console", "auto"] = Field(
        "auto", description="Form of the log; `auto` is `console` on a terminal and `json` elsewhere."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")
    master_key: SecretStr | None = Field(
        None,
        description="Key that seals secrets at rest: 32 bytes in hex or base64. Several are separated by commas: the "
        "first seals, all open. Comes before the file.",
    )
    master_key_file: Path = Field(
        default_factory=lambda data: Path(data["data_dir"]) / "master.key",
        description="File with that key, or with several, one a line; made (mode 0600) when missing, followed when it "
        "changes. All nodes of one database need the same keys.",
    )
    default_provider: Literal["meta", "sandbox"] = Field("meta", description="Provider of sources that name none.")
    graph_url: WebUrl = Field(
        # v25.0: released 18 Feb 2026, expires 29 Jul 2028 (Graph API changelog, read Nov 2026).
        "https://graph.facebook.com/v25.0",
        description="Base URL of the provider's Graph API, version included.",
    )
    app_secret: SecretStr | None = Field(
        None,
        description="Secret of an app that serves many sources: checks webhooks posted to `/webhooks/cloud_api/app`.",
    )
    app_verify_token: SecretStr | None = Field(
        None, description="Token that the provider presents when that webhook is set up."
    )
    sandbox_url: WebUrl | None = Field(None, description="Base URL of a sandbox; unset means the one in this process.")
    allowed_networks: Networks = Field(
        (),
        description="CIDRs, separated by commas, that webhooks and attachments may reach despite the guard.",
    )
    allow_http_urls: bool = Field(False, description="Allow http:// in webhooks, attachments and the base URL.")
    drain_seconds: Seconds = Field(30.0, description="Time a shutdown may take, in seconds.")

    contract: ContractSettings = ContractSettings()
    s3: S3Settings = S3Settings()
    store: StoreSettings = StoreSettings()
    leases: LeaseSettings = LeaseSettings()
    dispatch: DispatchSettings = DispatchSettings()
    bulk: BulkSettings = BulkSettings()
    receive: ReceiveSettings = ReceiveSettings()
    notify: NotifySettings = NotifySettings()
    media: MediaSettings = MediaSettings()
    limits: LimitSettings = LimitSettings()
    http: HttpSettings = HttpSettings()
    retention: RetentionSettings = RetentionSettings()

    @check_together(mode="after")
    def _agree(self) -> Self:
        if self.dispatch.request_timeout_seconds >= self.leases.margin_seconds:
            raise ValueError("dispatch.request_timeout_seconds must be less than leases.margin_seconds")
        base = urlsplit(self.base_url)
        if base.scheme == "http" and not self.allow_http_urls and not _is_local(base.hostname or ""):
            raise ValueError("base_url must be https outside this machine, unless allow_http_urls is on")
        if self.operations_port is not None and self.operations_port == self.port:
            raise ValueError("operations_port must differ from port")
        return self

    @classmethod
    def load(
        cls, *, defaults: Mapping[str, Any] | None = None, env_file: Path | None = Path(".env"), **flags: Any
    ) -> Self:
        """
        Read the settings from flags, environment, file and defaults, in this order of precedence.

        Args:
            defaults: a command's own defaults by field name (the demo's data directory); weaker than all else given.
            env_file: file of `NAME=value` lines; a missing file is no error, None reads none.
            flags: values by field name, groups as mappings; None means the flag was not given.

        Raises:
            SettingsError: a value breaks its rule, or a `WAYPOST_*` name is unknown. One readable line for each.
        """
        from_file = dotenv_values(env_file) if env_file is not None else {}
        given = {name.upper() for name in (*os.environ, *from_file) if name.upper().startswith("WAYPOST_")}
        unknown = find_unknown_names(cls, given)
        if unknown:
            raise SettingsError(unknown)
        values = {name: value for name, value in flags.items() if value is not None}
        for name, value in (defaults or {}).items():
            if f"WAYPOST_{name.upper()}" not in given:
                values.setdefault(name, value)
        try:
            return cls(_env_file=env_file, **values)
        except ValidationError as error:
            raise SettingsError(explain(cls, error)) from error


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
