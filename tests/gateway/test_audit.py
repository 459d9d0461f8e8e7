"""What an account's keys change through the v2 contract is in its audit log, as what they change by the manage API."""


async def test_sources_made_changed_and_deleted_by_the_contract_are_in_the_audit_log(house):
    source = {"name": "Second", "phone_number": "12025550198", "phone_number_id": "77", "waba_id": "88"}
    _, made = await house.call("POST", "/api/v2/source/", json={**source, "access_token": "t"})
    source_id = made["data"]["id"]
    await house.call("PUT", f"/api/v2/source/{source_id}", json={"name": "Other", "access_token": "u"})
    await house.call("DELETE", f"/api/v2/source/{source_id}")
    await house.call("DELETE", f"/api/v2/source/{source_id}")
    refused, _ = await house.call("PUT", f"/api/v2/source/{source_id}", json={"name": "Third"})

    _, log = await house.call("GET", "/manage/v1/audit")
    entries = [entry for entry in log["items"] if entry["target"] == source_id]

    assert 404 == refused
    assert ["source.delete", "source.change", "source.create"] == [entry["action"] for entry in entries]
    assert all(entry["actor"].startswith("key:") for entry in entries)
