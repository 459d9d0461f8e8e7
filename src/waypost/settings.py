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
from pydantic import Field, SecretStr, ValidationError
from pydantic import model_validator as check_together
from pydantic_settings import BaseSettings, SettingsConfigDict

from waypost.settings_groups import (
    BlobUrl,
    BulkSettings,
    ConsoleSettings,
    ContractSettings,
    DatabaseUrl,
    DispatchSettings,
    HttpSettings,
    LeaseSettings,
    LimitSettings,
    LinkSettings,
    MediaSettings,
    Networks,
    NotifySettings,
    ReceiveSettings,
    ReportSettings,
    RetentionSettings,
    Role,
    Roles,
    S3Settings,
    Seconds,
    StoreSettings,
    WebUrl,
)
from waypost.settings_text import (
    SettingsError,
    explain,
    find_unknown_names,
)

__all__ = [
    "BulkSettings",
    "ConsoleSettings",
    "ContractSettings",
    "DispatchSettings",
    "HttpSettings",
    "LeaseSettings",
    "LimitSettings",
    "LinkSettings",
    "MediaSettings",
    "Networks",
    "NotifySettings",
    "ReceiveSettings",
    "ReportSettings",
    "RetentionSettings",
    "Role",
    "S3Settings",
    "Seconds",
    "Settings",
    "SettingsError",
    "StoreSettings",
    "WebUrl",
]


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
    reports: ReportSettings = ReportSettings()
    links: LinkSettings = LinkSettings()
    console: ConsoleSettings = ConsoleSettings()

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
