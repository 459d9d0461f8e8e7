"""The gateway as a login that owns nothing, set up by the statements of docs/database-roles.md."""

import re
from pathlib import Path

import psycopg
import pytest
from tests.gateway.conftest import settings_for, start
from tools.postgres import OWNER, SUPERUSER, PostgresCluster

from waypost.store.migrate import migrate

PAGE = Path(__file__).parents[2] / "docs" / "database-roles.md"


@pytest.fixture
def app_url(postgres_cluster: PostgresCluster, postgres_url: str) -> str:
    """The owner has migrated; what is returned is the URL of the login that owns nothing."""
    _, roles, rights = re.findall(r"^```sql\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    migrate(postgres_url)
    with psycopg.connect(postgres_cluster.url(role=SUPERUSER), autocommit=True) as administrator:
        administrator.execute(roles)
    with psycopg.connect(postgres_url, autocommit=True) as owner:
        owner.execute(rights)
    return postgres_url.replace(f"{OWNER}@", "waypost_app@")


async def test_a_login_that_can_change_no_table_is_enough(app_url: str, tmp_path: Path) -> None:
    running = await start(settings_for(tmp_path, app_url))
    house = running.house
    await house.writes_first("12025550143")
    (message_id,) = await house.send(house.entry("12025550143"))
    await house.becomes("read", message_id)
    status, shown = await house.call("GET", f"/manage/v1/messages/{message_id}")
    has_wall = await house.demo.gateway.foundation.database.read(lambda tx: tx.has_wall)

    assert has_wall
    assert (status, shown["id"]) == (200, message_id)
    assert 0 == await running.stop()
    with psycopg.connect(app_url, autocommit=True) as login:
        for statement in (
            "CREATE TABLE more (id integer)",
            "ALTER TABLE messages ADD COLUMN more integer",
            "DROP TABLE messages",
            "DROP POLICY account_wall ON messages",
            "ALTER TABLE messages DISABLE ROW LEVEL SECURITY",
            "TRUNCATE messages",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                login.execute(statement)
