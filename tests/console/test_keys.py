"""The page of keys: each shown once, of use at once, and refused once it is revoked."""

import re

from tests.console.conftest import Office

from waypost.store.accounts import list_keys


async def test_a_key_is_shown_once_works_and_is_refused_once_it_is_revoked(office: Office):
    admin, house = await office.visitor("admin"), office.house

    made = await admin.post("/console/keys", name="shop <b>", scopes=["account:read", "keys:read"], life="30")
    token = re.search(r"<code>(wp_[^<]+)</code>", made.text)[1]
    listed = await admin.get("/console/keys")
    assert "curl -sS" in made.words
    assert token not in listed.text
    assert "shop &lt;b&gt;" in listed.text
    assert 200 == (await house.call("GET", "/manage/v1/keys", key=token))[0]

    keys = await office.read(lambda tx: list_keys(tx, house.demo.account.account_id, at_most=50))
    key = next(one for one in keys if one.name == "shop <b>")
    assert 30 == round((key.expires_at_us - key.created_at_us) / 86_400_000_000)
    assert 303 == (await admin.post(f"/console/keys/{key.id}/revoke")).status
    assert 401 == (await house.call("GET", "/manage/v1/keys", key=token))[0]
    assert "revoked" in (await admin.get("/console/keys")).words


async def test_wrong_input_makes_no_key_and_says_what_is_wrong(office: Office):
    admin = await office.visitor("admin")

    nameless = await admin.post("/console/keys", name="", scopes=["keys:read"])
    scopeless = await admin.post("/console/keys", name="none")
    unknown = await admin.post("/console/keys", name="odd", scopes=["everything"])
    past = await admin.post("/console/keys", name="late", scopes=["keys:read"], expires_at="2020-01-01T00:00")
    no_time = await admin.post("/console/keys", name="late", scopes=["keys:read"], expires_at="soon")

    assert "name: Field required" in nameless.words
    assert "scopes: List should have at least 1 item" in scopeless.words
    assert "scopes.0: Input should be" in unknown.words
    assert "expires_at: is in the past" in past.words
    assert "expires at: is no time" in no_time.words
    assert {422} == {one.status for one in (nameless, scopeless, unknown, past, no_time)}


async def test_only_admins_make_keys_and_only_those_of_all_accounts_for_all_accounts(office: Office):
    viewer, operator, stranger = [await office.visitor(name) for name in ("viewer", "operator", "stranger")]
    keys = await office.read(lambda tx: list_keys(tx, office.house.demo.account.account_id, at_most=50))

    assert 200 == (await viewer.get("/console/keys")).status
    for visitor in (viewer, operator):
        assert 403 == (await visitor.post("/console/keys", name="x", scopes=["keys:read"])).status
    too_much = await stranger.post("/console/keys", name="x", scopes=["manage"])
    assert (403, True) == (too_much.status, "only by an admin of all accounts" in too_much.words)
    assert 404 == (await stranger.post(f"/console/keys/{keys[0].id}/revoke")).status
