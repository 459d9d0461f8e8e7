"""Every statement of the store, by name, and whether it names an account."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

import waypost.store
from waypost.store.paging import Walk
from waypost.store.statements import InsertMany, Sql, UpdateMany
from waypost.store.tables import METADATA
from waypost.store.wall import belongs

Statement = Sql | InsertMany | UpdateMany

WALLED = {table.name for table in METADATA.sorted_tables if belongs(table) is not None}

_TABLE = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE) ([a-z_]+)")
_NAMES_AN_ACCOUNT = re.compile(
    r"\baccount_id\b(?: \|\| '')?\)? = (?:%\(account_id\)s|\w+\.account_id)"  # a comparison with a parameter or with rows of parameters
    r"|INSERT INTO \w+ \([^)]*\baccount_id\b"
    r"|\baccounts(?: \w+)? WHERE (?:\w+\.)?id = %\((?:account_)?id\)s"  # an account's own row
    r"|UPDATE accounts SET .* WHERE id = %\(id\)s"
    r"|INSERT INTO accounts "
)


PLANS = "PLANNED"
"""What modules call the list of their statements whose plans are looked at."""


def statements() -> dict[str, Statement]:
    """Return all statements of ``waypost.store``, named ``module.NAME``; one that stands in a list too, once."""
    found: dict[str, Statement] = {}
    named: set[int] = set()
    for module in pkgutil.iter_modules(waypost.store.__path__):
        if not module.ispkg:
            for name, value in vars(importlib.import_module(f"waypost.store.{module.name}")).items():
                for place, statement in enumerate(_unpacked(value)):
                    if name == PLANS and id(statement) in named:
                        continue
                    named.add(id(statement))
                    found.setdefault(f"{module.name}.{name}" + (f".{place}" if place else ""), statement)
    return found


def _unpacked(value: Any) -> Iterator[Statement]:
    if isinstance(value, Statement):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _unpacked(item)
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from _unpacked(item)
    elif isinstance(value, Walk):
        yield from value.statements


def is_about_accounts(statement: Statement) -> bool:
    """Whether a table is touched whose rows belong to accounts."""
    return bool(WALLED & set(_TABLE.findall(statement.postgresql)))


def names_an_account(statement: Statement) -> bool:
    return _NAMES_AN_ACCOUNT.search(statement.postgresql) is not None
