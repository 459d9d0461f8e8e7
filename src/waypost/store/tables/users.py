"""Who uses the console, and who is signed in there."""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text

from waypost.store.tables.metadata import METADATA

CONSOLE_USERS = Table(
    "console_users",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("account_id", Text),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("second_factor_sealed", LargeBinary),
    Column("second_factor_step", BigInteger, nullable=False, server_default="0"),
    Column("created_at_us", BigInteger, nullable=False),
    Column("signed_in_at_us", BigInteger),
    Column("disabled_at_us", BigInteger),
    Index("console_users_name", "name", unique=True),
)
"""``account_id`` None: all accounts. ``second_factor_step``: the time step of the last code that was used."""

CONSOLE_SESSIONS = Table(
    "console_sessions",
    METADATA,
    Column("token_hash", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("chosen_account_id", Text, nullable=False),
    Column("created_at_us", BigInteger, nullable=False),
    Column("used_at_us", BigInteger, nullable=False),
    Column("numbers_until_us", BigInteger, nullable=False, server_default="0"),
    Column("address", Text, nullable=False),
    Column("browser", Text, nullable=False),
    Index("console_sessions_user", "user_id"),
)
"""``numbers_until_us``: until then numbers are shown whole."""

CONSOLE_FAILURES = Table(
    "console_failures",
    METADATA,
    Column("name_hash", Text, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("failed_at_us", BigInteger, nullable=False),
    Column("locked_until_us", BigInteger, nullable=False),
)
"""Failed sign-ins by the name that was given, whether anybody has that name or not."""
