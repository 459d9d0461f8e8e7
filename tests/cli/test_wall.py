"""What is said about the wall between accounts where an administrator has not made it possible."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from tests.cli.conftest import Command
from tests.cli.test_gateway_commands import _running
from tools.postgres import SUPERUSER, PostgresCluster

LOGIN = "alone"


@pytest.fixture
def lonely_url(postgres_cluster: PostgresCluster) -> Iterator[str]:
    """The URL of a database whose owner has no account role, and may not make one."""
    postgres_cluster.execute(sql.SQL("CREATE ROLE alone LOGIN"))
    postgres_cluster.execute(sql.SQL("CREATE DATABASE alone OWNER alone"))
    yield postgres_cluster.url(LOGIN, role=LOGIN)
    postgres_cluster.drop_database(LOGIN)
    postgres_cluster.execute(sql.SQL("DROP ROLE IF EXISTS alone_account"))
    postgres_cluster.execute(sql.SQL("DROP ROLE alone"))


def test_a_missing_wall_is_told_with_what_to_do_and_stands_once_it_is_done(
    waypost: Command, lonely_url: str, postgres_cluster: PostgresCluster, tmp_path: Path
) -> None:
    assert waypost("migrate", "--database-url", lonely_url).code == 0
    missing = _finding(waypost, lonely_url)
    assert not missing["is_good"]
    serve = ("serve", "--port", "0", "--data-dir", str(tmp_path / "d"), "--database-url", lonely_url)
    with _running(*serve, directory=tmp_path, until="process.ready") as seen:
        assert "process.wall_missing" in seen

    cure = missing["advice"].removeprefix("As an administrator: ").removesuffix(" Then: waypost migrate")
    with psycopg.connect(postgres_cluster.url(role=SUPERUSER), autocommit=True) as administrator:
        administrator.execute(cure)
    assert waypost("migrate", "--database-url", lonely_url).out == "Nothing to do.\n"

    assert _finding(waypost, lonely_url)["is_good"]


def _finding(waypost: Command, url: str) -> dict[str, object]:
    (found,) = (
        finding
        for finding in waypost("doctor", "--json", "--database-url", url).json
        if finding["check"] == "wall between accounts"
    )
    return found
