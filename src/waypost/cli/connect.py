"""``waypost sources connect``: a number connected step by step, each step checked."""

import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from waypost.cli.exits import CommandFailure, ExitCode
from waypost.cli.options import AccountOption, DatabaseUrl, DataDir, Json
from waypost.cli.printing import print_line, print_note, print_record, print_text

if TYPE_CHECKING:
    from waypost.cli.opening import DirectStore
    from waypost.store.directory import Source
    from waypost.web.manage.connecting import Step

TOKEN_VARIABLE = "WAYPOST_SOURCE_ACCESS_TOKEN"  # noqa: S105 - the name of a variable
SECRET_VARIABLE = "WAYPOST_SOURCE_APP_SECRET"  # noqa: S105 - the name of a variable
PIN_VARIABLE = "WAYPOST_SOURCE_PIN"

EPILOG = (
    "Example: waypost sources connect --phone-number-id 106540352242922 --waba-id 102290129340398 < token.txt. "
    f"What is not given is asked for at a terminal. Secrets are never options: {TOKEN_VARIABLE}, {SECRET_VARIABLE} and "
    f"{PIN_VARIABLE} (two-step PIN, only for a number that is not registered) are read from the environment. "
    "Run it again as often as you like: it checks what is there, and does what is left."
)


def connect(
    *,
    phone_number_id: Annotated[
        str | None, typer.Option("--phone-number-id", help="The number's id, of Meta's page API Setup.")
    ] = None,
    waba_id: Annotated[
        str | None, typer.Option("--waba-id", help="The business account's id, of the same page.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="Name, for people; default: the verified one.")] = None,
    provider: Annotated[str | None, typer.Option("--provider", help="meta or sandbox; default the gateway's.")] = None,
    default: Annotated[bool, typer.Option("--default", help="Make it the account's default source.")] = False,
    lead_webhooks: Annotated[
        bool,
        typer.Option("--lead-webhooks/--no-lead-webhooks", help="Have the provider post this number's webhooks here."),
    ] = True,
    test_to: Annotated[
        str | None, typer.Option("--test-to", help="Send a template without variables to this number. It may cost.")
    ] = None,
    account: AccountOption = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Connect a number step by step, check each step, and say what to do at Meta when one fails."""
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.web.manage.connection_keeping import connected_before  # noqa: PLC0415

    recipient = _recipient(test_to)
    with opened_store(data_dir, database_url) as store:
        account_id = store.account_id(account)
        number_id = phone_number_id or _ask("Phone number ID (WhatsApp, API Setup)", option="--phone-number-id")
        before = connected_before(store.read(store.snapshot), account_id, number_id)
        wizard = _Wizard(store, account_id, before, as_json=as_json)
        wizard.run(
            number_id,
            waba_id=waba_id or (before.waba_id if before else None),
            name=name,
            provider=provider,
            is_default=default,
            leads_webhooks=lead_webhooks,
            test_to=recipient,
        )


class _Wizard:
    def __init__(self, store: "DirectStore", account_id: str, before: "Source | None", *, as_json: bool) -> None:
        self._store = store
        self._account_id = account_id
        self._before = before
        self._as_json = as_json
        self._steps: list[Step] = []

    def run(
        self,
        number_id: str,
        *,
        waba_id: str | None,
        name: str | None,
        provider: str | None,
        is_default: bool,
        leads_webhooks: bool,
        test_to: str | None,
    ) -> None:
        """Go through all steps; raises the command's end when one has failed."""
        from waypost.cli.provider import ask_provider  # noqa: PLC0415
        from waypost.store.directory import identity_of  # noqa: PLC0415
        from waypost.web.manage.connecting import Connection, bring_up, check_credentials  # noqa: PLC0415

        before, settings = self._before, self._store.settings
        account_waba = waba_id or _ask("WhatsApp Business Account ID (the same page)", option="--waba-id")
        token = self._access_token()
        secret = self._app_secret()
        identity = identity_of(
            "" if before is None else before.id,
            provider=provider or (before.provider if before else settings.default_provider),
            phone_number_id=_id(number_id, "--phone-number-id"),
            access_token=token,
        )
        number = ask_provider(
            settings,
            lambda calls: check_credentials(
                calls, identity, waba_id=_id(account_waba, "--waba-id"), app_secret=secret, tell=self._tell
            ),
        )
        if number is None:
            self._end(None)
            return
        source = self._save(
            identity,
            name=name or (before.name if before else number.verified_name) or number_id,
            phone_number=number.display_phone_number,
            waba_id=account_waba,
            app_secret=secret,
            is_default=is_default,
        )
        callback_url = f"{settings.base_url}/webhooks/cloud_api/{source.id}"
        if not self._as_json:
            print_line(f"      Callback URL: {callback_url}")
            print_line(f"      Verify token: {source.verify_token}")
        pin = os.environ.get(PIN_VARIABLE) or None
        connection = Connection(
            identity=identity,
            waba_id=account_waba,
            app_secret=secret,
            verify_token=source.verify_token,
            callback_url=callback_url,
            leads_webhooks=leads_webhooks,
            pin=pin,
            test_to=test_to,
        )
        ask_provider(settings, lambda calls: bring_up(calls, connection, number, tell=self._tell))
        self._end(source)

    def _access_token(self) -> str:
        from waypost.cli.asking import read_secret  # noqa: PLC0415

        given = os.environ.get(TOKEN_VARIABLE)
        if given is None and self._before is not None:
            return self._before.access_token
        token = read_secret(option="access token", variable=TOKEN_VARIABLE, prompt="Access token", is_required=True)
        assert token is not None
        return token

    def _app_secret(self) -> str | None:
        given = os.environ.get(SECRET_VARIABLE)
        if given:
            return given
        if self._before is not None and self._before.app_secret is not None:
            return self._before.app_secret
        settings_secret = self._store.settings.app_secret
        if settings_secret is not None:
            return settings_secret.get_secret_value()
        if not sys.stdin.isatty():
            return None
        import getpass  # noqa: PLC0415

        return getpass.getpass("App secret (App settings, Basic): ") or None

    def _save(self, identity: Any, **known: Any) -> "Source":
        """Keep the number, or what is new of one that was connected already; return it with its verify token."""
        from waypost.cli.asking import build_request  # noqa: PLC0415
        from waypost.web.manage.connection_keeping import connection_request, keep_connection  # noqa: PLC0415

        store, before, editor = self._store, self._before, self._store.editor()
        settings = store.settings
        operators_secret = None if settings.app_secret is None else settings.app_secret.get_secret_value()
        model, members = connection_request(before, identity, **known, operators_secret=operators_secret)
        request = build_request(model, **members)
        source_id = store.write(
            lambda tx: keep_connection(
                tx, editor, self._account_id, before, request, default_provider=settings.default_provider
            )
        )
        self._tell_saved(
            f"connected as source {source_id}" if before is None else f"was connected already, as source {source_id}"
        )
        return store.read(store.snapshot).sources[source_id]

    def _tell_saved(self, found: str) -> None:
        from waypost.web.manage.connecting import Step  # noqa: PLC0415

        self._tell(Step(step="source", is_good=True, found=found))

    def _tell(self, step: "Step") -> None:
        self._steps.append(step)
        if self._as_json:
            return
        print_text(f"{'ok  ' if step.is_good else 'FAIL'}  {step.step}: {step.found}")
        if step.advice:
            print_line(f"      {step.advice}")

    def _end(self, source: "Source | None") -> None:
        if self._as_json:
            steps = [
                {"step": one.step, "is_good": one.is_good, "found": one.found, "advice": one.advice}
                for one in self._steps
            ]
            url = None if source is None else f"{self._store.settings.base_url}/webhooks/cloud_api/{source.id}"
            shown = {
                "source_id": None if source is None else source.id,
                "callback_url": url,
                "verify_token": None if source is None else source.verify_token,
                "steps": steps,
            }
            print_record(shown, as_json=True)
        failed = [one.step for one in self._steps if not one.is_good]
        if not failed:
            print_note("All is well. Watch what comes and goes: waypost messages tail")
            return
        kept = "Nothing was changed." if source is None else "What is done stays done."
        raise CommandFailure(
            ExitCode.FAILURE, f"{', '.join(failed)}: see above.", hint=f"{kept} Mend it, and run this again."
        )


def _ask(prompt: str, *, option: str) -> str:
    """Ask a person; a script is told which option it lacks."""
    if not sys.stdin.isatty():
        raise CommandFailure(ExitCode.USAGE, f"{option} is missing.", hint="See --help of this command.")
    return str(typer.prompt(prompt)).strip()


def _id(written: str, option: str) -> str:
    # As the rules of sources say; checked here since it becomes part of a URL before it is saved.
    if not written or len(written) > 64 or not all(mark.isalnum() or mark in "_-" for mark in written):
        raise CommandFailure(ExitCode.USAGE, f"{option}: `{written}` is no id.", hint="Ids are digits, of Meta's page.")
    return written


def _recipient(written: str | None) -> str | None:
    from waypost.domain.address import normalise_business_number  # noqa: PLC0415

    if written is None:
        return None
    digits = normalise_business_number(written)
    if digits is None:
        raise CommandFailure(ExitCode.USAGE, "--test-to must be country code and number, 10 to 15 digits.")
    return digits
