"""Groups over the manage API, as far as nobody has to be asked: shown, listed, refused."""

import pytest
from tests.manage.conftest import Api

from waypost.domain.group import GroupState
from waypost.store.groups import GroupRecord, save_group

SOURCE = {
    "name": "Bicycle shop",
    "phone_number": "12025550199",
    "phone_number_id": "110000000000001",
    "waba_id": "120000000000001",
    "access_token": "token",
    "has_groups": True,
}


async def source_of(api: Api, **changes: object) -> str:
    answer = await api.post("/sources", json={**SOURCE, **changes})
    assert 201 == answer.status, answer.body
    source_id: str = answer.json["id"]
    return source_id


async def keep(api: Api, source_id: str, group_id: str, **members: object) -> None:
    record = GroupRecord(
        account_id="a", source_id=source_id, id=group_id, created_at_us=1, changed_at_us=1, **members
    )  # fmt: skip
    await api.context.change(lambda tx: save_group(tx, record), account_id="a")


async def test_groups_are_listed_by_page_and_source_without_deleted_ones(api: Api):
    first, second = await source_of(api), await source_of(api, phone_number_id="110000000000002")
    for group_id in ("g1", "g2", "g3"):
        await keep(api, first, group_id, subject=group_id, participants=("12025550151",))
    await keep(api, second, "g4")
    await keep(api, first, "g5", state=GroupState.DELETED)

    seen, cursor = [], ""
    while cursor is not None:
        page = (await api.get(f"/groups?limit=2{cursor and f'&cursor={cursor}'}")).json
        seen += [one["id"] for one in page["items"]]
        cursor = page["next_cursor"]
    assert ["g1", "g2", "g3", "g4"] == seen
    assert ["g4"] == [one["id"] for one in (await api.get(f"/groups?source_id={second}")).json["items"]]
    assert ["12025550151"] == (await api.get("/groups/g1")).json["participants"]
    assert [] == (await api.get("/groups", key="b")).json["items"]
    await api.call("DELETE", f"/sources/{second}")
    assert 404 == (await api.get("/groups/g4")).status


async def test_what_cannot_be_asked_of_the_provider_is_refused_with_what_to_do(api: Api):
    barred = await source_of(api, has_groups=False)
    source_id = await source_of(api, phone_number_id="110000000000002")
    await keep(api, source_id, "r1", request_id="r1", state=GroupState.CREATING)
    await keep(api, source_id, "g1", state=GroupState.DELETED)
    made = {"subject": "Sunday ride"}

    answer = await api.post("/groups", json={**made, "source_id": barred})
    assert (409, "This source has no groups.") == (answer.status, answer.json["detail"])
    assert "--groups" in answer.json["hint"]
    assert 404 == (await api.post("/groups", json={**made, "source_id": "none"})).status
    assert 404 == (await api.post("/groups", json={**made, "source_id": source_id}, key="b")).status
    for group_id in ("r1", "g1"):
        assert 409 == (await api.call("PATCH", f"/groups/{group_id}", json=made)).status
        assert 409 == (await api.get(f"/groups/{group_id}/invite-link")).status
    assert 422 == (await api.call("PATCH", "/groups/g1", json={})).status


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"subject": ""},
        {"subject": "x" * 129},
        {"subject": "x", "description": "x" * 2049},
        {"subject": "x", "join_approval_mode": "perhaps"},
    ],
)
async def test_a_group_that_no_provider_would_make_is_refused_here(api: Api, body: dict):
    assert 422 == (await api.post("/groups", json=body)).status


async def test_reading_and_writing_groups_need_their_own_scopes(api: Api):
    reader, other = await api.key("groups:read"), await api.key("sources:write", "messages:send")

    assert 200 == (await api.get("/groups", key=reader)).status
    assert 403 == (await api.post("/groups", json={"subject": "x"}, key=reader)).status
    assert 403 == (await api.get("/groups", key=other)).status
