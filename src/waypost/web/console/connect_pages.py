"""Connecting a number by a form: the same steps as ``waypost sources connect``, each checked at the provider."""

import asyncio
import re
from dataclasses import dataclass, field, replace
from typing import Any, Final

from starlette.responses import Response

from waypost.contract.management import CREDENTIAL
from waypost.domain.address import normalise_business_number
from waypost.domain.users import Role
from waypost.ports import ProviderSource
from waypost.providers.cloud_api.onboarding import NumberDetails
from waypost.store.directory import Source, identity_of
from waypost.web.console.context import Console
from waypost.web.console.forms import build_request
from waypost.web.console.number_facts import facts_of
from waypost.web.console.routing import ConsoleRoute, action, page
from waypost.web.console.visit import Visit
from waypost.web.manage.connecting import Connection, Step, bring_up, check_credentials
from waypost.web.manage.connection_keeping import connected_before, connection_request, keep_connection
from waypost.web.manage.problems import invalid

CONNECT_SECONDS: Final = 60.0
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PROVIDERS: Final = ("meta", "sandbox")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    """What was typed, with what is known already in place of what was left out."""

    before: Source | None
    waba_id: str
    app_secret: str | None = field(repr=False)
    identity: ProviderSource = field(repr=False)
    test_to: str | None


class ConnectPages:
    """The form, the look at what the provider knows, and the connecting itself, which may be repeated."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def routes(self) -> list[ConsoleRoute]:
        """Return the routes."""
        return [
            page("/sources/connect", self.show, Role.ADMIN),
            action("/sources/connect/check", self.check, Role.ADMIN),
            action("/sources/connect", self.connect, Role.ADMIN),
        ]

    async def show(self, visit: Visit) -> Response:
        """Show the form; ``number`` names a source that is to be gone through again."""
        source = self._console.manage.directory.now.source_of(visit.account_id, visit.query("source") or None)
        is_known = source is not None and visit.query("source") == source.id
        values = {
            "phone_number_id": source.phone_number_id if source is not None and is_known else "",
            "waba_id": source.waba_id if source is not None and is_known else "",
            "name": source.name if source is not None and is_known else "",
        }
        return self._form(visit, values=values)

    async def check(self, visit: Visit) -> Response:
        """Say what the provider knows of the number, and change nothing."""
        steps: list[Step] = []
        attempt = self._attempt_of(visit)
        number = await self._checked(attempt, steps)
        return self._answer(visit, steps=steps, number=number)

    async def connect(self, visit: Visit) -> Response:
        """Check, keep, and bring up; what is done stays done, whatever comes after it."""
        steps: list[Step] = []
        attempt = self._attempt_of(visit)
        number = await self._checked(attempt, steps)
        if number is None:
            return self._answer(visit, steps=steps, number=None)
        source = await self._kept(visit, attempt, number)
        word = "connected as" if attempt.before is None else "was connected already, as"
        steps.append(Step(step="source", is_good=True, found=f"{word} {source.name}"))
        connection = Connection(
            identity=source.identity,
            waba_id=attempt.waba_id,
            app_secret=attempt.app_secret,
            verify_token=source.verify_token,
            callback_url=f"{self._console.manage.settings.base_url}/webhooks/cloud_api/{source.id}",
            leads_webhooks=visit.field("leads_webhooks") == "yes",
            pin=visit.field("pin") or None,
            test_to=attempt.test_to,
        )
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await bring_up(self._console.manage.calls, connection, number, tell=steps.append)
        except TimeoutError:
            steps.append(_too_slow())
        # One that was connected already keeps its verify token, which is shown but once.
        verify_token = source.verify_token if attempt.before is None else ""
        return self._answer(
            visit,
            steps=steps,
            number=number,
            source=source,
            callback_url=connection.callback_url,
            verify_token=verify_token,
        )

    async def _checked(self, attempt: _Attempt, steps: list[Step]) -> NumberDetails | None:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                return await check_credentials(
                    self._console.manage.calls,
                    attempt.identity,
                    waba_id=attempt.waba_id,
                    app_secret=attempt.app_secret,
                    tell=steps.append,
                )
        except TimeoutError:
            steps.append(_too_slow())
            return None

    async def _kept(self, visit: Visit, attempt: _Attempt, number: NumberDetails) -> Source:
        manage, editor, before = self._console.manage, visit.editor, attempt.before
        default_name = number.verified_name or attempt.identity.phone_number_id
        model, members = connection_request(
            before,
            attempt.identity,
            name=visit.field("name") or (before.name if before is not None else default_name),
            phone_number=number.display_phone_number,
            waba_id=attempt.waba_id,
            app_secret=attempt.app_secret,
            operators_secret=self._operators_secret,
            is_default=visit.field("is_default") == "yes",
        )
        request = build_request(model, **members)
        source_id = await visit.change(
            lambda tx: keep_connection(
                tx, editor, visit.account_id, before, request, default_provider=manage.settings.default_provider
            )
        )
        return manage.directory.now.sources[source_id]

    def _attempt_of(self, visit: Visit) -> _Attempt:
        manage = self._console.manage
        number_id = _id_of(visit, "phone_number_id")
        before = connected_before(manage.directory.now, visit.account_id, number_id)
        waba_id = _id_of(visit, "waba_id") if visit.field("waba_id") or before is None else before.waba_id
        token = _secret_of(visit, "access_token") or (None if before is None else before.access_token)
        if not token:
            raise invalid("access token", "is missing", hint="Paste the token of an admin system user.")
        secret = _secret_of(visit, "app_secret") or (None if before is None else before.app_secret)
        provider = visit.field("provider") or (before.provider if before else manage.settings.default_provider)
        if provider not in _PROVIDERS:
            raise invalid("provider", "is neither meta nor sandbox", hint="Choose one of the list.")
        return _Attempt(
            before=before,
            waba_id=waba_id,
            app_secret=secret or self._operators_secret,
            identity=identity_of(
                "" if before is None else before.id, provider=provider, phone_number_id=number_id, access_token=token
            ),
            test_to=_recipient_of(visit),
        )

    @property
    def _operators_secret(self) -> str | None:
        secret = self._console.manage.settings.app_secret
        return None if secret is None else secret.get_secret_value()

    def _answer(
        self,
        visit: Visit,
        *,
        steps: list[Step],
        number: NumberDetails | None,
        source: Source | None = None,
        callback_url: str = "",
        verify_token: str = "",
    ) -> Response:
        digits = "" if number is None else number.display_phone_number
        values: dict[str, Any] = {
            "steps": [replace(one, found=one.found.replace(digits, visit.number(digits))) for one in steps]
            if digits
            else steps,
            "facts": [] if number is None else facts_of(number),
            "source": source,
            "callback_url": callback_url,
            "verify_token": verify_token,
            "failed": [one.step for one in steps if not one.is_good],
        }
        if visit.is_htmx:
            return visit.page("source_connect_part.html", **values)
        typed = {name: visit.field(name) for name in ("phone_number_id", "waba_id", "name")}
        return self._form(visit, values=typed, outcome=values)

    def _form(self, visit: Visit, *, values: dict[str, str], outcome: dict[str, Any] | None = None) -> Response:
        settings = self._console.manage.settings
        return visit.page(
            "source_connect.html",
            values=values,
            has_operators_secret=self._operators_secret is not None,
            default_provider=settings.default_provider,
            has_sandbox=settings.sandbox_url is not None,
            outcome=outcome,
            **(outcome or {}),
        )


def _id_of(visit: Visit, name: str) -> str:
    # It becomes part of a URL before it is saved.
    written = visit.field(name)
    if not _ID.fullmatch(written):
        raise invalid(name.replace("_", " "), "is no id", hint="Ids are digits; copy them from Meta's page API Setup.")
    return written


def _secret_of(visit: Visit, name: str) -> str | None:
    written = visit.field(name)
    if written and CREDENTIAL.fullmatch(written) is None:
        raise invalid(
            name.replace("_", " "), "must be 1 to 4096 visible ASCII characters", hint="Copy it again, without spaces."
        )
    return written or None


def _recipient_of(visit: Visit) -> str | None:
    written = visit.field("test_to")
    if not written:
        return None
    digits = normalise_business_number(written)
    if digits is None:
        raise invalid("test to", "must be country code and number, 10 to 15 digits", hint="Such as 12025550143.")
    return digits


def _too_slow() -> Step:
    return Step(
        step="time",
        is_good=False,
        found=f"it took longer than {CONNECT_SECONDS:.0f} seconds",
        advice="Run it again: what is done stays done, and only what is left is tried.",
    )
