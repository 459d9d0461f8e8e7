"""The page of users, and what each change does at once."""

import re
from dataclasses import replace

import pytest
from starlette.requests import Request
from tests.console.conftest import OTHER_ACCOUNT, PASSWORD, Answer, Office, Visitor

from waypost.domain.users import Role
from waypost.store.audit import AuditEntry
from waypost.store.console_sessions import SessionRecord
from waypost.store.statements import Sql
from waypost.store.users import find_user_named, set_role
from waypost.web.console.users import UsersPage
from waypost.web.console.visit import Visit
from waypost.web.manage.problems import Problem
from waypost.web.passwords import PasswordChecks

AUDIT = Sql("SELECT id, account_id, actor, action, target, at_us FROM audit_log ORDER BY id")


async def made(admin: Visitor, name: str, role: str = "viewer", account_id: str = "") -> str:
    """Make a user and return their password."""
    return shown_password(await admin.post("/console/users", name=name, role=role, account_id=account_id))


def shown_password(answer: Answer) -> str:
    assert 200 == answer.status, answer.words
    return re.search(r"shown this once.*?<code>([^<]+)</code>", answer.text, re.DOTALL)[1]


async def audited(office: Office) -> list[tuple[str, str, str]]:
    rows = await office.read(
        lambda tx: [AuditEntry(**dict(zip(AuditEntry.__slots__, row, strict=True))) for row in tx.rows(AUDIT)]
    )
    return [(entry.actor, entry.action, entry.target) for entry in rows]


async def id_of(office: Office, name: str) -> str:
    return (await office.read(lambda tx: find_user_named(tx, name))).id


async def test_a_user_is_made_with_a_password_that_is_shown_once(office: Office):
    admin = await office.visitor("admin")

    password = await made(admin, "Newcomer@Example.org ")
    again = await admin.get("/console/users")
    newcomer = office.new_visitor()

    assert password not in again.text
    assert 303 == (await newcomer.sign_in("newcomer@example.org", password)).status
    assert ("user:admin", "user.create", "newcomer@example.org") in await audited(office)


async def test_a_name_is_taken_once_and_has_a_form(office: Office):
    admin = await office.visitor("admin")

    taken = await admin.post("/console/users", name="VIEWER", role="viewer", account_id="")
    bad = await admin.post("/console/users", name="two words", role="viewer", account_id="")
    no_role = await admin.post("/console/users", name="fine", role="owner", account_id="")

    assert (409, 422, 422) == (taken.status, bad.status, no_role.status)
    assert "There is a user named viewer already." in taken.words
    assert "name: has 1 to 64 letters, digits and . _ @ + -" in bad.words
    assert "role: is none of viewer, operator, admin" in no_role.words


async def test_a_change_of_role_holds_at_once_and_ends_sessions(office: Office):
    admin, user = await office.visitor("admin"), office.new_visitor()
    await user.sign_in("riser", await made(admin, "riser"))

    changed = await admin.post(f"/console/users/{await id_of(office, 'riser')}/role", role="operator", account_id="")

    assert 303 == changed.status
    assert 303 == (await user.get("/console/profile")).status
    assert Role.OPERATOR is (await office.read(lambda tx: find_user_named(tx, "riser"))).role
    assert ("user:admin", "user.change_role", "riser operator") in await audited(office)


async def test_a_disabled_user_is_out_at_once_and_comes_back_enabled(office: Office):
    admin, user = await office.visitor("admin"), office.new_visitor()
    password = await made(admin, "paused")
    await user.sign_in("paused", password)
    path = f"/console/users/{await id_of(office, 'paused')}"

    await admin.post(f"{path}/disable")

    assert 303 == (await user.get("/console/profile")).status
    assert 401 == (await user.sign_in("paused", password)).status
    await admin.post(f"{path}/enable")
    assert 303 == (await user.sign_in("paused", password)).status


async def test_a_new_password_takes_the_place_of_the_old(office: Office):
    admin, user = await office.visitor("admin"), office.new_visitor()
    old = await made(admin, "forgot")

    new = shown_password(await admin.post(f"/console/users/{await id_of(office, 'forgot')}/password"))

    assert 401 == (await user.sign_in("forgot", old)).status
    assert 303 == (await user.sign_in("forgot", new)).status


async def test_a_removed_user_is_gone(office: Office):
    admin = await office.visitor("admin")
    password = await made(admin, "leaver")

    await admin.post(f"/console/users/{await id_of(office, 'leaver')}/remove")

    assert 401 == (await office.new_visitor().sign_in("leaver", password)).status
    assert '<td data-name="Name">leaver</td>' not in (await admin.get("/console/users")).text
    assert None is await office.read(lambda tx: find_user_named(tx, "leaver"))


async def test_the_last_admin_of_all_accounts_stays(office: Office):
    admin = await office.visitor("admin")
    path = f"/console/users/{await id_of(office, 'admin')}"

    for change, fields in (("disable", {}), ("remove", {}), ("role", {"role": "viewer", "account_id": ""})):
        answer = await admin.post(f"{path}/{change}", **fields)

        assert 409 == answer.status, change
        assert "admin is the only admin of all accounts." in answer.words


async def test_an_admin_of_one_account_makes_users_of_that_account_alone(office: Office):
    stranger = await office.visitor("stranger")

    await made(stranger, "colleague", "admin", account_id=office.house.demo.account.account_id)
    out_of_reach = await stranger.post(f"/console/users/{await id_of(office, 'viewer')}/password")

    assert OTHER_ACCOUNT == (await office.read(lambda tx: find_user_named(tx, "colleague"))).account_id
    assert 404 == out_of_reach.status
    assert 303 == (await office.new_visitor().sign_in("viewer", PASSWORD)).status


async def test_numbers_are_shown_to_operators_for_a_while_and_the_audit_log_tells(office: Office):
    operator, viewer = await office.visitor("operator"), await office.visitor("viewer")

    refused = await viewer.post("/console/numbers", show="yes", back="/console/profile")
    shown = await operator.post("/console/numbers", show="yes", back="/console/profile")

    assert 403 == refused.status
    assert (303, "/console/profile") == (shown.status, shown.headers["location"])
    assert "Hide numbers" in (await operator.get("/console/profile")).words
    assert ("user:operator", "numbers.reveal", office.house.demo.account.account_id) in await audited(office)
    await operator.post("/console/numbers", show="no", back="//elsewhere.example.org/")
    assert "Show numbers" in (await operator.get("/console/profile")).words


async def test_a_form_cannot_lead_to_another_site(office: Office):
    operator = await office.visitor("operator")
    for back in ("//example.org/", "https://example.org/", "/console//example.org", "/console/\\example.org", "\n"):
        answer = await operator.post("/console/numbers", show="no", back=back)

        assert (303, "/console/") == (answer.status, answer.headers["location"])


async def test_a_user_who_was_moved_meanwhile_is_out_of_reach_of_their_former_admin(office: Office):
    await made(await office.visitor("admin"), "risen", account_id=OTHER_ACCOUNT)
    user_id = await id_of(office, "risen")

    class Slow(PasswordChecks):
        async def hash(self, password: str) -> str:
            await office.write(lambda tx: set_role(tx, user_id, role=Role.ADMIN, account_id=None))
            return "another hash"

    console = replace(office.console, passwords=Slow())
    session = SessionRecord(
        token_hash="",
        user_id="",
        user_name="stranger",
        user_account_id=OTHER_ACCOUNT,
        role=Role.ADMIN,
        has_second_factor=False,
        chosen_account_id="",
        created_at_us=0,
        used_at_us=0,
        numbers_until_us=0,
    )
    request = Request({"type": "http", "method": "POST", "headers": [], "path_params": {"user_id": user_id}})

    with pytest.raises(Problem, match="There is no such user"):
        await UsersPage(console).reset_password(Visit(console, request, session=session))
    assert "another hash" != (await office.read(lambda tx: find_user_named(tx, "risen"))).password_hash
