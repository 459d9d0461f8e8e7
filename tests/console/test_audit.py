"""The audit log: of the account for everybody in it, of the installation for those who are for all accounts."""

import json

from tests.console.conftest import OTHER_ACCOUNT, Office


async def test_the_log_is_filtered_by_who_what_and_target(office: Office):
    operator, viewer = await office.visitor("operator"), await office.visitor("viewer")
    await operator.post("/console/numbers", show="yes", back="/console/audit")
    await operator.post("/console/numbers", show="no", back="/console/audit")
    account_id = office.house.demo.account.account_id

    plain = await viewer.get("/console/audit")
    by_actor = await viewer.get("/console/audit?actor=user:operator")
    by_action = await viewer.get("/console/audit?action=numbers.reveal&export=json")
    by_target = await viewer.get(f"/console/audit?target={account_id}")
    nothing = await viewer.get("/console/audit?action=nothing.at_all")

    for answer in (plain, by_actor, by_target):
        assert "numbers.reveal" in answer.words
    rows = json.loads(by_action.text)
    assert {("user:operator", "numbers.reveal", account_id)} == {
        (row["actor"], row["action"], row["target"]) for row in rows
    }
    assert "No entry matches." in nothing.words


async def test_only_those_for_all_accounts_see_the_log_of_the_installation(office: Office):
    def note(tx):
        office.editor.note(tx, account_id=OTHER_ACCOUNT, action="key.create", target="elsewhere")

    await office.write(note)
    admin, viewer, stranger = [await office.visitor(name) for name in ("admin", "viewer", "stranger")]
    path = "/console/audit?scope=installation"

    assert "elsewhere" in (await admin.get(path)).words
    assert "elsewhere" not in (await admin.get("/console/audit")).words
    assert "elsewhere" not in (await viewer.get(path)).words
    of_stranger = await stranger.get(path)
    assert "elsewhere" in of_stranger.words
    assert "The whole installation" not in of_stranger.words
    assert "user:operator" not in of_stranger.words
