"""What acceptance promises: all or none, judged in order, once per key, durable before the answer."""

import asyncio
import dataclasses

import pytest

from waypost.accept.acceptor import Acceptance
from waypost.accept.idempotency import Idempotency
from waypost.domain.errors import FailureReason, PolicyRefusal
from waypost.domain.message import (
    Attachment,
    Media,
    MediaKind,
    MessageDraft,
    MessageKind,
    MessageState,
    RecipientType,
    Template,
    Text,
)
from waypost.domain.policy import SourcePolicy
from waypost.domain.template import TemplateShape
from waypost.store.statements import InsertMany, Sql
from waypost.store.tables import TEMPLATE_LISTS, TEMPLATES
from waypost.store.templates import encode_shape

RECIPIENT = "12025550143"
STRANGER = "12025550177"
MEDIA_ID = "e4a61b0f-8c27-4d59-b3f2-70d9158ac6e1"
_MESSAGES = Sql("SELECT id, state, source_id, kind FROM messages ORDER BY id")
_OPT_OUT = Sql("UPDATE consents SET state = 'opted_out'")
_CLOSE_WINDOW = Sql("UPDATE windows SET closes_at_us = 1")


def text_to(recipient=RECIPIENT, **changes):
    draft = MessageDraft(recipient=recipient, kind=MessageKind.TEXT, content=Text(body="Your bicycle is ready."))
    return dataclasses.replace(draft, **changes)


def media_of(media_id):
    attachment = Attachment(media_id=media_id)
    return text_to(kind=MessageKind.MEDIA, content=Media(attachment=attachment), source_given="417-220")


async def stored(house):
    return await house.database.read(lambda tx: tx.rows(_MESSAGES))


async def test_an_accepted_message_is_queued_under_the_id_of_the_answer(house):
    answer = await house.acceptor.accept(house.account, [text_to()])

    assert isinstance(answer, Acceptance)
    assert [(answer.ids[0], MessageState.QUEUED, house.source_id, "text")] == await stored(house)


async def test_many_callers_at_once_each_get_their_own_message(house):
    answers = await asyncio.gather(*(house.acceptor.accept(house.account, [text_to()]) for _ in range(100)))

    ids = {answer.ids[0] for answer in answers}
    assert len(ids) == 100
    assert ids == {row[0] for row in await stored(house)}


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_OPT_OUT, FailureReason.NOT_OPTED_IN),
        (_CLOSE_WINDOW, FailureReason.OUTSIDE_WINDOW),
    ],
)
async def test_consent_and_window_are_asked_in_the_accepting_transaction(house, spoil, reason):
    await house.database.write(lambda tx: tx.run(spoil))

    assert PolicyRefusal(reason) == await house.acceptor.accept(house.account, [text_to()])
    assert [] == await stored(house)


async def test_a_stranger_is_refused_for_consent_before_the_window(house):
    answer = await house.acceptor.accept(house.account, [text_to(STRANGER)])

    assert PolicyRefusal(FailureReason.NOT_OPTED_IN) == answer


async def test_one_refused_entry_refuses_all_and_is_named_by_its_place(house):
    answer = await house.acceptor.accept(house.account, [text_to(), text_to(), text_to(STRANGER)])

    assert PolicyRefusal(FailureReason.NOT_OPTED_IN, 2) == answer
    assert [] == await stored(house)


async def test_a_thousand_entries_are_one_request(house):
    answer = await house.acceptor.accept(house.account, [text_to() for _ in range(1000)])

    assert isinstance(answer, Acceptance)
    assert list(answer.ids) == [row[0] for row in await stored(house)]


async def test_an_uploaded_file_is_known_by_its_id_and_any_other_is_refused(house):
    known = await house.acceptor.accept(house.account, [media_of(MEDIA_ID)])
    unknown = await house.acceptor.accept(house.account, [media_of("00000000-0000-0000-0000-000000000000")])

    assert isinstance(known, Acceptance)
    assert PolicyRefusal(FailureReason.BAD_MEDIA) == unknown


async def test_an_unknown_source_is_refused_strictly_and_replaced_leniently(house):
    draft = text_to(source_given="no-such")
    lenient = dataclasses.replace(house.account, source_policy=SourcePolicy.LENIENT)

    assert PolicyRefusal(FailureReason.UNKNOWN_SOURCE) == await house.acceptor.accept(house.account, [draft])
    assert isinstance(await house.acceptor.accept(lenient, [draft]), Acceptance)
    assert [house.source_id] == [row[2] for row in await stored(house)]


async def test_a_group_is_refused_where_the_source_has_none(house):
    draft = text_to("group-id", recipient_type=RecipientType.GROUP)

    assert PolicyRefusal(FailureReason.GROUPS_UNSUPPORTED) == await house.acceptor.accept(house.account, [draft])


async def test_a_context_that_names_no_message_is_refused(house):
    first = await house.acceptor.accept(house.account, [text_to()])
    reply = await house.acceptor.accept(house.account, [text_to(context_message_id=first.ids[0])])
    lost = await house.acceptor.accept(house.account, [text_to(context_message_id="wamid.unknown")])

    assert isinstance(reply, Acceptance)
    assert PolicyRefusal(FailureReason.INVALID_CONTEXT) == lost


async def test_a_scheduled_message_waits_in_its_own_state(house):
    now_us = 4_000_000_000_000_000
    await house.acceptor.accept(house.account, [text_to(scheduled_at_us=now_us)])

    assert [MessageState.SCHEDULED] == [row[1] for row in await stored(house)]


async def test_concurrent_requests_of_one_key_create_one_message(house):
    key = Idempotency.of("order-118", b"body")

    answers = await asyncio.gather(
        *(house.acceptor.accept(house.account, [text_to()], idempotency=key) for _ in range(20))
    )

    assert 1 == len({answer.ids for answer in answers})
    assert 19 == sum(answer.is_replay for answer in answers)
    assert 1 == len(await stored(house))


async def test_a_key_used_for_another_body_is_refused(house):
    await house.acceptor.accept(house.account, [text_to()], idempotency=Idempotency.of("k", b"one"))
    other = await house.acceptor.accept(house.account, [text_to()], idempotency=Idempotency.of("k", b"two"))

    assert PolicyRefusal(FailureReason.IDEMPOTENCY_CONFLICT) == other


async def test_a_refused_request_leaves_its_key_free(house):
    key = Idempotency.of("k", b"body")
    refused = await house.acceptor.accept(house.account, [text_to(STRANGER)], idempotency=key)
    accepted = await house.acceptor.accept(house.account, [text_to()], idempotency=key)

    assert isinstance(refused, PolicyRefusal)
    assert isinstance(accepted, Acceptance)
    assert not accepted.is_replay


async def test_a_key_is_forgotten_after_72_hours(house):
    key = Idempotency.of("k", b"body")
    first = await house.acceptor.accept(house.account, [text_to()], idempotency=key)
    age = Sql("UPDATE idempotency_records SET created_at_us = created_at_us - :age_us")
    await house.database.write(lambda tx: tx.run(age, age_us=73 * 3600 * 1_000_000))

    second = await house.acceptor.accept(house.account, [text_to()], idempotency=key)

    assert not second.is_replay
    assert first.ids != second.ids


async def test_two_nodes_that_race_for_one_key_create_one_message(house, database_url):
    from waypost.accept.acceptor import Acceptor
    from waypost.ports import SystemClock, UuidFactory
    from waypost.store.connections import connector_for
    from waypost.store.engine import Database

    other_database = Database(connector_for(database_url))
    await other_database.start()
    try:
        other = Acceptor(other_database, house.directory, SystemClock(), UuidFactory())
        for round_number in range(10):
            key = Idempotency.of(f"race-{round_number}", b"body")
            answers = await asyncio.gather(
                *(
                    acceptor.accept(house.account, [text_to()], idempotency=key)
                    for acceptor in (house.acceptor, other) * 5
                )
            )
            assert 1 == len({answer.ids for answer in answers})
    finally:
        await other_database.stop()
    assert 10 == len(await stored(house))


async def test_another_accounts_file_does_not_exist(house):
    foreign = dataclasses.replace(house.account, id="another", skip_optin=True)

    assert PolicyRefusal(FailureReason.UNKNOWN_SOURCE) == await house.acceptor.accept(foreign, [media_of(MEDIA_ID)])


async def test_an_earlier_entrys_refusal_is_found_without_keeping_anything(house):
    refusal = await house.acceptor.find_refusal(house.account, [text_to(), text_to(STRANGER)])

    assert PolicyRefusal(FailureReason.NOT_OPTED_IN, 1) == refusal
    assert await house.acceptor.find_refusal(house.account, [text_to()]) is None
    assert [] == await stored(house)


SHAPE = TemplateShape(body_variables=("1", "2"))
REPAIR_DONE = Template(name="repair_done", language="en", attributes=("Noor", "B-52"))


async def hold_templates(house, status="APPROVED"):
    """Hold a copy of the provider's list with one template in it."""
    account_id = house.account.id
    row = (account_id, "2000", "repair_done", "en", "1", "UTILITY", status, "", "", "[]", encode_shape(SHAPE), 1)

    def write(tx):
        tx.write_many(InsertMany(TEMPLATES, [column.name for column in TEMPLATES.columns]), [row])
        held = ("account_id", "waba_id", "synced_at_us", "due_at_us")
        tx.write_many(InsertMany(TEMPLATE_LISTS, held), [(account_id, "2000", 1, 1)])

    await house.database.write(write)


def template_of(template=REPAIR_DONE, **changes):
    changed = dataclasses.replace(template, **changes)
    return text_to(kind=MessageKind.TEMPLATE, content=changed, source_given="417-220")


async def test_while_no_list_is_held_templates_are_left_to_the_provider(house):
    assert isinstance(await house.acceptor.accept(house.account, [template_of(attributes=())]), Acceptance)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"name": "no_such"}, FailureReason.INVALID_TEMPLATE),
        ({"attributes": ("Noor",)}, FailureReason.INVALID_TEMPLATE_PARAMETER),
        ({"language": "hi"}, FailureReason.INVALID_TEMPLATE_LANGUAGE),
    ],
)
async def test_a_template_is_judged_by_the_list_that_is_held(house, changes, reason):
    await hold_templates(house)

    answer = await house.acceptor.accept(house.account, [template_of(**changes)])

    assert isinstance(answer, Acceptance) if reason is None else answer == PolicyRefusal(reason)
    assert await house.acceptor.find_refusal(house.account, [template_of(**changes)]) == (
        None if reason is None else PolicyRefusal(reason, 0)
    )


async def test_a_template_out_of_use_is_refused_but_only_after_consent(house):
    await hold_templates(house, status="PAUSED")
    stranger = dataclasses.replace(template_of(), recipient=STRANGER)

    assert PolicyRefusal(FailureReason.INVALID_TEMPLATE) == await house.acceptor.accept(house.account, [template_of()])
    assert PolicyRefusal(FailureReason.NOT_OPTED_IN) == await house.acceptor.accept(house.account, [stranger])


_SENT_AS = Sql("SELECT kind, template_name, fallback IS NOT NULL, media_key FROM messages ORDER BY id")


async def test_a_fallback_takes_the_messages_place_only_where_the_window_is_closed(house):
    await hold_templates(house)
    photo = dataclasses.replace(
        REPAIR_DONE, header=MediaKind.IMAGE, attachment=Attachment(media_id=MEDIA_ID, kind=MediaKind.IMAGE)
    )
    draft = text_to(fallback=REPAIR_DONE)
    await house.acceptor.accept(house.account, [draft])
    await house.database.write(lambda tx: tx.run(_CLOSE_WINDOW))

    assert PolicyRefusal(FailureReason.OUTSIDE_WINDOW, 1) == await house.acceptor.accept(
        house.account, [draft, text_to()]
    )
    assert PolicyRefusal(FailureReason.INVALID_TEMPLATE_PARAMETER, 1) == await house.acceptor.accept(
        house.account, [draft, text_to(fallback=photo)]
    )
    assert isinstance(await house.acceptor.accept(house.account, [draft, template_of()]), Acceptance)

    assert [
        ("text", None, 1, None),
        ("template", "repair_done", 0, None),
        ("template", "repair_done", 0, None),
    ] == [(kind, name, int(has_fallback), key) for kind, name, has_fallback, key in await house.database.read(
        lambda tx: tx.rows(_SENT_AS)
    )]  # fmt: skip


async def test_a_fallback_with_a_file_is_a_media_template_that_waits_for_it(house):
    file = Attachment(media_id=MEDIA_ID, kind=MediaKind.IMAGE)
    photo = dataclasses.replace(REPAIR_DONE, header=MediaKind.IMAGE, attachment=file)
    gone = dataclasses.replace(photo, attachment=dataclasses.replace(file, media_id="gone"))
    await house.database.write(lambda tx: tx.run(_CLOSE_WINDOW))

    assert PolicyRefusal(FailureReason.BAD_MEDIA) == await house.acceptor.accept(
        house.account, [text_to(fallback=gone)]
    )
    assert isinstance(await house.acceptor.accept(house.account, [text_to(fallback=photo)]), Acceptance)

    [row] = await house.database.read(lambda tx: tx.rows(_SENT_AS))
    assert ("media_template", "repair_done", f"asset:{MEDIA_ID}") == (row[0], row[1], row[3])
