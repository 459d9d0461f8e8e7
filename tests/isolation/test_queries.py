"""
Every statement carries the account (ISO-2).

Twice over: every statement of the store is read, and every statement that the API runs is caught while it runs.
"""

from dataclasses import dataclass
from typing import Any

import pytest
from tests.isolation.conftest import House
from tests.isolation.statements import Statement, is_about_accounts, names_an_account, statements
from tests.isolation.test_matrix import _body_of, _filled, _operations

from waypost.store.statements import Sql
from waypost.store.transaction import Tx

OWN_WORK = {
    "claiming": "the dispatcher plans and claims for every source of its shards",
    "directory": "loads what is known of all accounts into memory",
    "doubt": "the dispatcher judges attempts of every source of its shards",
    "expiry": "ends what was not sent in time, whoever it belongs to",
    "feeding": "makes messages of the rows of bulk sends, whoever they belong to",
    "following": "statuses come by the provider's ids; whose they are is checked against the number they came to",
    "gauges": "counts for all accounts",
    "media_retention": "removes files that nobody refers to any more",
    "notifying": "the notifier tells every endpoint of its shards",
    "quarantine": "the dispatcher ends or holds single messages, of every source of its shards",
    "receiving": "webhooks come by number, and the number says whose they are",
    "restoring": "a command for the operator, over the whole database",
    "retention": "removes what is old",
    "settling": "writes how attempts ended, by message and number",
    "users": "users of the console belong to the installation; its gate says whose things each may see",
    "template_mirror": "reads lists and takes news of them, by account and business account",
}
"""Modules that work for all accounts at once, by ids that the gateway itself has read; no request reaches them."""

EXEMPT = {
    "accounts._LIST_ACCOUNTS": "an operator asks which accounts there are",
    "accounts._KEY_ACCOUNT": "the command line asks whose a key is",
    "media._CLAIM_PENDING": "the collector takes what is due, whoever it belongs to",
    "provider_media._FIND_PROVIDER_MEDIA": "the dispatcher asks by the source of a message it is sending",
    "provider_media._SAVE_PROVIDER_MEDIA": "likewise",
    "clicks._FIND": "a link that this install made names its message; who opens it is nobody we know",
    "clicks._HOLD": "likewise",
    "clicks._SAVE": "likewise",
    "tallies._ENDS": "counts the ends that the gateway itself draws, whoever the messages belong to",
    "tallies._FORGET": "removes old counts of all accounts",
    "tallies._FREE_FORM": "the dispatcher sends messages as the templates they fall back to",
    "tallies._TAKE": "folds the counts of all accounts",
    **dict.fromkeys(
        ("audit._OF_ALL", *(f"audit._OF_ALL.{place}" for place in range(1, 4))),
        "an admin of the installation looks at all that was changed",
    ),
    "console_sessions._FIND": "a session is found by its token, and says whose things it shows",
    "sources._TAKEN": "a number belongs to one account of all; the answer is only that it is taken",
}
"""Statements without an account in modules that have work for accounts."""

BEYOND_THE_WALL = {
    "accounts._INSERT_ACCOUNT": "an account cannot be behind the wall before it exists",
    "accounts._USE_KEYS": "one transaction for the keys of all accounts that were used",
    "acceptance": "one transaction for the requests of many accounts",
    "consents._ENSURE": "one transaction for the consents of many accounts",
    "consents._INSERT_HISTORY": "likewise",
    "consents._LOCK": "likewise",
    "consents._SAVE": "likewise",
    "notifications._INSERT": "what those tell, each to its own account's endpoints",
    "audit._INSERT": "the entry that an account was made",
    "tallies._ADD": "the folding of all accounts' counts, which goes on meanwhile",
    "templates._VARIANTS": "one transaction for the requests of many accounts",
}
"""What a request runs, naming its account, in transactions that are not held to one account."""


@dataclass
class Caught:
    """One statement as it ran: for which account, None for the gateway's own work."""

    account_id: str | None
    statement: Statement
    rows: list[tuple[Any, ...]]
    parameters: dict[str, Any]


@pytest.fixture
def caught(monkeypatch: pytest.MonkeyPatch) -> list[Caught]:
    """Everything that any transaction of this process runs from here on."""
    found: list[Caught] = []

    def hook(name: str) -> None:
        method = getattr(Tx, name)

        def hooked(self: Tx, statement: Statement, *rows: Any, **parameters: Any) -> Any:
            found.append(Caught(self.account_id, statement, [*rows[0]] if rows else [], dict(parameters)))
            return method(self, statement, *rows, **parameters)

        monkeypatch.setattr(Tx, name, hooked)

    for name in ("rows", "run", "write_many"):
        hook(name)
    return found


def test_every_statement_names_an_account_or_works_for_all_with_a_reason():
    without = {
        name: statement
        for name, statement in statements().items()
        if is_about_accounts(statement) and not names_an_account(statement)
    }

    assert len(statements()) > 150
    assert {name for name in without if name.split(".")[0] not in OWN_WORK} == set(EXEMPT)
    assert {name.split(".")[0] for name in without} >= set(OWN_WORK), "a reason for a module that needs none"


async def test_every_statement_of_a_request_names_its_account_and_no_other(house: House, caught: list[Caught]) -> None:
    operations = await _operations(house)
    caught.clear()
    for who in ("stranger", "owner", "operator"):
        # What ends things last, so that there is something to end.
        for path, method, operation in sorted(operations, key=lambda one: one[1] == "DELETE"):
            status, answer = await house.call(
                who, method, _filled(path, {**house.owned, "account": "stranger"}), json=_body_of(operation)
            )
            assert status < 500, (method, path, answer)
    names = {id(statement): name for name, statement in statements().items()}

    assert len({id(one.statement) for one in caught}) > 60
    assert wrong_for_an_account(caught, names) == []
    assert run_without_an_account(caught, names) == []


def wrong_for_an_account(caught: list[Caught], names: dict[int, str]) -> list[Any]:
    """Return the statements run for an account that do not name it, or name another."""
    wrong = []
    for one in caught:
        if one.account_id is None or not is_about_accounts(one.statement):
            continue
        name = names.get(id(one.statement), one.statement.postgresql)
        given = account_in(one, name)
        if not names_an_account(one.statement) or given != {one.account_id}:
            wrong.append((name, one.account_id, given))
    return wrong


def account_in(one: Caught, name: str) -> set[str]:
    """Return the accounts that a statement was given, as a parameter or in its rows."""
    if not isinstance(one.statement, Sql):
        return {str(value) for row in one.rows for value in row if value in ("owner", "stranger", "operator")}
    given = one.parameters.get("account_id")
    if given is None and name.startswith("accounts."):
        given = one.parameters["id"]
    return set(given) if isinstance(given, list) else {str(given)}


def run_without_an_account(caught: list[Caught], names: dict[int, str]) -> list[str]:
    """Return the statements that a request ran beyond the wall without a reason."""
    return sorted(
        {
            name
            for one in caught
            if one.account_id is None and is_about_accounts(one.statement)
            for name in [names.get(id(one.statement), one.statement.postgresql)]
            if not {name, name.split(".")[0]} & {*OWN_WORK, *EXEMPT, *BEYOND_THE_WALL}
        }
    )
