"""What a process runs, by the roles it is given."""

import pytest
from tests.gateway.conftest import settings_for

from waypost.app.foundation import open_foundation
from waypost.app.gateway import Gateway


@pytest.mark.parametrize("role", ["accept", "dispatch", "notify"])
async def test_each_process_that_owns_or_refuses_counts_the_backlog_itself(tmp_path, role):
    foundation = await open_foundation(settings_for(tmp_path, f"sqlite:///{tmp_path}/waypost.db"))
    gateway = Gateway(foundation, frozenset({role}))
    names = [service.name for service in gateway.services]
    await gateway.clients.close()
    await foundation.database.stop()

    assert 1 == names.count("gauges")
