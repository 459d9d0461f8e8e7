"""
Changes to accounts, keys and sources, each with its entry in the audit log, in one transaction.

Used by the manage API and by the command line alike: both ask here, so both keep the same rules. Functions take the
open transaction first and return what is to be shown; they raise ``Problem``.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

from waypost.domain.throttle import Pace
from waypost.ports import Clock, IdFactory
from waypost.store.accounts import (
    AccountRecord,
    AccountSwitches,
    KeyRecord,
    change_account,
    create_account,
    create_key,
    find_account,
    find_key,
    mint_key,
    revoke_key,
)
from waypost.store.audit import AuditEntry, record_change
from waypost.store.sealing import Sealer
from waypost.store.sources import (
    NewSecrets,
    NewSource,
    PhoneNumberTakenError,
    SourceRecord,
    change_source,
    create_source,
    delete_source,
    new_verify_token,
    pause_source,
    resume_source,
)
from waypost.store.transaction import Tx
from waypost.web.manage.problems import Problem, ProblemKind, invalid, not_found
from waypost.web.manage.requests import (
    AccountChange,
    AccountCreation,
    KeyCreation,
    Secret,
    SourceChange,
    SourceCreation,
    given,
)
from waypost.web.manage.views import KeyView, NewKeyView, as_microseconds

_SWITCHES: Final = frozenset(AccountSwitches.__dataclass_fields__)
_NULLABLE_SWITCHES: Final = frozenset({"requests_per_second_max", "queued_messages_max"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Editor:
    """Who changes things (``key:<id>`` or ``cli:<user>``), and what changing needs."""

    actor: str
    ids: IdFactory
    clock: Clock
    sealer: Sealer

    @classmethod
    def for_key(cls, key_id: str, *, ids: IdFactory, clock: Clock, sealer: Sealer) -> "Editor":
        """Return the editor that a caller with this API key is."""
        return cls(actor=f"key:{key_id}", ids=ids, clock=clock, sealer=sealer)

    def note(self, tx: Tx, *, account_id: str | None, action: str, target: str) -> None:
        """Write the audit entry of a change, in its transaction."""
        entry = AuditEntry(
            id=self.ids.new(),
            account_id=account_id,
            actor=self.actor,
            action=action,
            target=target,
            at_us=self.clock.now_us(),
        )
        record_change(tx, entry)


def add_account(tx: Tx, editor: Editor, request: AccountCreation) -> AccountRecord:
    """Add an account."""
    account_id = editor.ids.new()
    switches = request.model_dump(include=set(_SWITCHES))
    record = create_account(
        tx,
        account_id=account_id,
        name=request.name,
        now_us=editor.clock.now_us(),
        switches=AccountSwitches(**{**switches, "stop_words": tuple(request.stop_words)}),
    )
    editor.note(tx, account_id=account_id, action="account.create", target=account_id)
    return record


def alter_account(tx: Tx, editor: Editor, account_id: str, request: AccountChange) -> AccountRecord:
    """Change what the request names."""
    changes: dict[str, Any] = {
        name: tuple(value) if name == "stop_words" else value
        for name in given(request)
        if (value := getattr(request, name)) is not None or name in _NULLABLE_SWITCHES
    }

    def change(record: AccountRecord) -> AccountRecord:
        switches = replace(record.switches, **{name: value for name, value in changes.items() if name in _SWITCHES})
        return replace(record, name=changes.get("name", record.name), switches=switches)

    record = change_account(tx, account_id, change)
    if record is None:
        raise not_found("account")
    editor.note(tx, account_id=account_id, action="account.change", target=account_id)
    return record


def disable_account(tx: Tx, editor: Editor, account_id: str) -> AccountRecord:
    """Refuse the account's keys from now on; one that is disabled stays so since then."""
    now_us = editor.clock.now_us()
    record = change_account(tx, account_id, lambda one: replace(one, disabled_at_us=one.disabled_at_us or now_us))
    if record is None:
        raise not_found("account")
    editor.note(tx, account_id=account_id, action="account.disable", target=account_id)
    return record


def enable_account(tx: Tx, editor: Editor, account_id: str) -> AccountRecord:
    """Let the account's keys in again."""
    record = change_account(tx, account_id, lambda one: replace(one, disabled_at_us=None))
    if record is None:
        raise not_found("account")
    editor.note(tx, account_id=account_id, action="account.enable", target=account_id)
    return record


def add_key(tx: Tx, editor: Editor, account_id: str, request: KeyCreation) -> NewKeyView:
    """Make a key; what is returned holds it, for this once."""
    now_us = editor.clock.now_us()
    expires_at_us = None if request.expires_at is None else as_microseconds(request.expires_at)
    if expires_at_us is not None and expires_at_us <= now_us:
        raise invalid("expires_at", "is in the past", hint="Give a time to come, or leave it out for a lasting key.")
    key = mint_key()
    if not create_key(
        tx,
        account_id=account_id,
        key=key,
        name=request.name,
        scopes=frozenset(scope.value for scope in request.scopes),
        now_us=now_us,
        expires_at_us=expires_at_us,
    ):
        raise not_found("account")
    editor.note(tx, account_id=account_id, action="key.create", target=key.id)
    record = find_key(tx, account_id, key.id)
    assert record is not None
    return NewKeyView(**KeyView.of(record).model_dump(), key=key.token)


def end_key(tx: Tx, editor: Editor, account_id: str, key_id: str) -> KeyRecord:
    """Revoke a key; all nodes refuse it within a second."""
    record = revoke_key(tx, account_id, key_id, now_us=editor.clock.now_us())
    if record is None:
        raise not_found("key")
    editor.note(tx, account_id=account_id, action="key.revoke", target=key_id)
    return record


def add_source(
    tx: Tx, editor: Editor, account_id: str, request: SourceCreation, *, default_provider: str
) -> tuple[SourceRecord, str]:
    """Add a sending number; return it, and the verify token to enter at the provider."""
    source_id = editor.ids.new()
    verify_token = _opened(request.verify_token) or new_verify_token()
    access_token = _opened(request.access_token)
    assert access_token is not None
    new = NewSource(
        id=source_id,
        account_id=account_id,
        name=request.name,
        phone_number=request.phone_number,
        phone_number_id=request.phone_number_id,
        waba_id=request.waba_id,
        provider=request.provider or default_provider,
        access_token=access_token,
        verify_token=verify_token,
        app_secret=_opened(request.app_secret),
        is_default=request.is_default,
        has_groups=request.has_groups,
        pace=None if request.pace is None else Pace(request.pace.rate_per_second, request.pace.burst),
    )
    try:
        record = create_source(tx, editor.sealer, new, now_us=editor.clock.now_us())
    except PhoneNumberTakenError as error:
        raise _taken() from error
    if record is None:
        raise not_found("account")
    editor.note(tx, account_id=account_id, action="source.create", target=source_id)
    return record, verify_token


def alter_source(tx: Tx, editor: Editor, account_id: str, source_id: str, request: SourceChange) -> SourceRecord:
    """Change what the request names."""
    plain: dict[str, Any] = {
        name: value
        for name in given(request) & {"name", "phone_number", "phone_number_id", "waba_id", "provider", "is_default"}
        if (value := getattr(request, name)) is not None
    }
    if request.has_groups is not None:
        plain["has_groups"] = request.has_groups
    if "pace" in given(request):
        plain["pace"] = None if request.pace is None else Pace(request.pace.rate_per_second, request.pace.burst)
    try:
        record = change_source(
            tx,
            editor.sealer,
            account_id,
            source_id,
            lambda one: replace(one, **plain),
            secrets=NewSecrets(
                access_token=_opened(request.access_token),
                app_secret=_opened(request.app_secret),
                verify_token=_opened(request.verify_token),
            ),
            now_us=editor.clock.now_us(),
        )
    except PhoneNumberTakenError as error:
        raise _taken() from error
    return _noted(tx, editor, record, "source.change")


def halt_source(tx: Tx, editor: Editor, account_id: str, source_id: str, *, reason: str) -> SourceRecord:
    """Stop sending from a source; what is queued waits."""
    record = pause_source(tx, account_id, source_id, reason=reason, now_us=editor.clock.now_us())
    return _noted(tx, editor, record, "source.pause")


def restart_source(tx: Tx, editor: Editor, account_id: str, source_id: str) -> SourceRecord:
    """Let a paused source send again."""
    return _noted(tx, editor, resume_source(tx, account_id, source_id, now_us=editor.clock.now_us()), "source.resume")


def remove_source(tx: Tx, editor: Editor, account_id: str, source_id: str) -> None:
    """Take a source out of use."""
    if not delete_source(tx, account_id, source_id, now_us=editor.clock.now_us()):
        raise not_found("source")
    editor.note(tx, account_id=account_id, action="source.delete", target=source_id)


def require_account(tx: Tx, account_id: str) -> AccountRecord:
    """Return an account, or raise that there is none."""
    record = find_account(tx, account_id)
    if record is None:
        raise not_found("account")
    return record


def _noted(tx: Tx, editor: Editor, record: SourceRecord | None, action: str) -> SourceRecord:
    if record is None:
        raise not_found("source")
    editor.note(tx, account_id=record.account_id, action=action, target=record.id)
    return record


def _opened(secret: "Secret | None") -> str | None:
    return None if secret is None else secret.get_secret_value()


def _taken() -> Problem:
    return Problem(
        ProblemKind.CONFLICT,
        "This phone_number_id is connected to a source already.",
        hint="Change or delete that source first; one number belongs to one source of one account.",
    )
