"""
The second wall between accounts: row-level security in PostgreSQL.

The first wall is the statement: whatever works for one account names it. The second stands in the database. Policies
let a row pass only if it belongs to the account in the setting ``waypost.account_id``. They do not hold the gateway's
own work, which is for all accounts, but work on one account's behalf, which is done as another role, the *account
role*: ``<login>_account``, which cannot log in and owns nothing (``waypost.store.account_cursor``). SQLite has no such
thing: there the first wall stands alone. Decision 20 says why it is built so.
"""

import contextlib
from collections.abc import Iterable
from typing import Any, Final

import psycopg
from psycopg import errors as pg_errors
from psycopg import sql
from sqlalchemy import Table

SETTING: Final = "waypost.account_id"
POLICY: Final = "account_wall"
_LOGIN_CHARACTERS_MAX: Final = 55
"""What PostgreSQL's limit of 63 leaves beside ``_account``."""

ACCOUNT_ROLE: Final = f"left(session_user, {_LOGIN_CHARACTERS_MAX}) || '_account'"
"""The account role's name, in SQL."""
_RIGHTS: Final = "SELECT, INSERT, UPDATE, DELETE"
_FIND_ROLE: Final = f"""
    SELECT {ACCOUNT_ROLE}, session_user, r.oid IS NOT NULL, pg_has_role(session_user, r.oid, %s), COALESCE((
        SELECT bool_and(
            has_table_privilege(r.oid, c.oid, 'SELECT') AND has_table_privilege(r.oid, c.oid, 'INSERT')
            AND has_table_privilege(r.oid, c.oid, 'UPDATE') AND has_table_privilege(r.oid, c.oid, 'DELETE')
        ) FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
        WHERE p.polname = '{POLICY}' AND c.relnamespace = to_regnamespace(current_schema)
    ), FALSE)
    FROM (SELECT 1) one
    LEFT JOIN pg_roles r ON r.rolname = {ACCOUNT_ROLE} AND NOT r.rolsuper AND NOT r.rolbypassrls
"""  # noqa: S608 - constants of this module
_IS_SHUT_OUT: Final = f"""
    SELECT 1 FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
    WHERE p.polname = '{POLICY}' AND c.relnamespace = to_regnamespace(current_schema)
    AND row_security_active(c.oid) AND NOT EXISTS (
        SELECT 1 FROM pg_policy o WHERE o.polrelid = c.oid AND pg_get_expr(o.polqual, o.polrelid) = 'true'
        AND (o.polroles = '{{0}}' OR EXISTS (SELECT 1 FROM unnest(o.polroles) n WHERE pg_has_role(n, 'USAGE')))
    ) LIMIT 1
"""  # noqa: S608 - constants of this module
_WALLED: Final = f"""
    SELECT c.relname FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
    WHERE p.polname = '{POLICY}' AND c.relnamespace = to_regnamespace(current_schema) ORDER BY c.relname
"""  # noqa: S608 - constants of this module


def belongs(table: Table) -> str | None:
    """Return the condition under which a row belongs to the account in the setting; None: to no account at all."""
    account = f"current_setting('{SETTING}', true)"
    if table.name == "accounts":
        return f"id = {account}"
    if "account_id" in table.c:
        return f"account_id = {account}"
    if "source_id" in table.c:
        return "source_id IN (SELECT id FROM sources)"  # of which, behind the wall, only its own are there
    return None


def policy_statements(tables: Iterable[Table]) -> list[str]:
    """Return the statements that put the policies on tables that exist, whatever stands there already."""
    return [
        statement
        for table in tables
        if (condition := belongs(table)) is not None
        for statement in (
            f"ALTER TABLE {table.name} ENABLE ROW LEVEL SECURITY",
            f"DROP POLICY IF EXISTS {POLICY} ON {table.name}",
            f"CREATE POLICY {POLICY} ON {table.name} USING ({condition})",
        )
    ]


def find_account_role(connection: "psycopg.Connection[Any]") -> str | None:
    """Return the account role if the login may work as it, and it has rights on every table with a wall."""
    role, _, exists, is_member, has_rights = _look_for_role(connection)
    return str(role) if exists and is_member and has_rights else None


def is_shut_out(connection: "psycopg.Connection[Any]") -> bool:
    """Whether the wall would hide rows from the login itself: it does not own the tables, and no policy lets it in."""
    return connection.execute(_IS_SHUT_OUT).fetchone() is not None


def ensure_account_role(connection: "psycopg.Connection[Any]") -> bool:
    """
    Make what is missing of the account role, as far as the login's rights go; return whether the wall stands.

    Only a superuser or a login with ``CREATEROLE`` can make the role. A second call does nothing.
    """
    role, login, exists, is_member, has_rights = _look_for_role(connection)
    names = {"role": sql.Identifier(role), "login": sql.Identifier(login)}
    with contextlib.suppress(pg_errors.InsufficientPrivilege):
        if not exists:
            connection.execute(sql.SQL("CREATE ROLE {role} NOLOGIN").format(**names))
        if not is_member:
            connection.execute(sql.SQL("GRANT {role} TO {login}").format(**names))
        if not has_rights:
            walled = [sql.Identifier(table) for (table,) in connection.execute(_WALLED).fetchall()]
            connection.execute(
                sql.SQL("GRANT {rights} ON {tables} TO {role}").format(
                    rights=sql.SQL(_RIGHTS), tables=sql.SQL(", ").join(walled), **names
                )
            )
    return find_account_role(connection) is not None


def _look_for_role(connection: "psycopg.Connection[Any]") -> tuple[Any, ...]:
    # Since PostgreSQL 16 one can be a member of a role and yet not be allowed to work as it.
    privilege = "SET" if connection.info.server_version >= 160000 else "MEMBER"
    row = connection.execute(_FIND_ROLE, [privilege]).fetchone()
    assert row is not None
    return row  # type: ignore[no-any-return]
