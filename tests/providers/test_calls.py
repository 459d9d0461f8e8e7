"""Calls to Graph that are no messages: how odd answers are read."""

import pytest
from aiohttp import web

from waypost.outbound.aiohttp_client import AiohttpClient
from waypost.outbound.guard import OPERATOR_POLICY
from waypost.outbound.http import Timeouts
from waypost.ports import ProviderSource, SystemClock
from waypost.providers.cloud_api.calls import CallFailure, CallFailureKind, GraphCalls
from waypost.providers.cloud_api.onboarding import (
    count_subscriptions,
    fetch_number,
    fetch_profile,
    find_plain_template,
    list_number_ids,
    send_template,
)
from waypost.providers.cloud_api.template_calls import create_template, upload_sample

SOURCE = ProviderSource(source_id="s", provider="meta", phone_number_id="1", access_token="t")


@pytest.fixture
async def graph():
    """Yield calls, and the list of (status, JSON) that is answered, in order."""
    answers = []

    async def handle(request):
        status, body = answers.pop(0)
        return web.json_response(body, status=status)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    http = AiohttpClient(policy=OPERATOR_POLICY, timeouts=Timeouts())
    yield GraphCalls(http, base_urls={"meta": url}, clock=SystemClock()), answers
    await http.close()
    await runner.cleanup()


async def test_what_lacks_in_an_answer_is_no_success(graph):
    calls, answers = graph
    definition = {"name": "x", "language": "en", "category": "UTILITY", "components": []}

    for body in ({}, {"id": True}, []):
        answers.append((200, body))
        ended = await create_template(calls, SOURCE, waba_id="w", definition=definition)
        assert isinstance(ended, CallFailure)
        assert CallFailureKind.UNREACHABLE is ended.kind
    for sessions in ([{}], [{"id": "upload:/../x y"}], [{"id": "upload:abc?sig=x"}, {}]):
        answers.extend((200, session) for session in sessions)
        ended = await upload_sample(calls, SOURCE, data=b"x", mime_type="image/png", filename="x.png")
        assert CallFailureKind.UNREACHABLE is ended.kind
    for body in ({}, {"messages": [7]}):
        answers.append((200, body))
        assert (
            CallFailureKind.UNREACHABLE
            is (await send_template(calls, SOURCE, to="12025550143", name="x", language="en")).kind
        )


async def test_what_a_look_up_leaves_out_is_empty(graph):
    calls, answers = graph
    answers.extend((200, {}) for _ in range(5))

    number, profile = await fetch_number(calls, SOURCE), await fetch_profile(calls, SOURCE)

    assert ("", "") == (number.status, number.callback_url)
    assert "" == profile.picture_url
    assert frozenset() == await list_number_ids(calls, SOURCE, waba_id="w")
    assert 0 == await count_subscriptions(calls, SOURCE, waba_id="w")
    assert (0, None) == await find_plain_template(calls, SOURCE, waba_id="w")


async def test_every_look_up_tells_why_it_failed(graph):
    calls, answers = graph
    refusal = {"error": {"code": 190, "message": "no"}}
    answers.extend((401, refusal) for _ in range(5))

    ends = [
        await fetch_number(calls, SOURCE),
        await fetch_profile(calls, SOURCE),
        await list_number_ids(calls, SOURCE, waba_id="w"),
        await count_subscriptions(calls, SOURCE, waba_id="w"),
        await find_plain_template(calls, SOURCE, waba_id="w"),
    ]

    assert {CallFailureKind.CREDENTIALS} == {end.kind for end in ends}
    assert {190} == {end.provider_code for end in ends}


@pytest.mark.parametrize(
    ("status", "error", "kind", "member"),
    [
        (400, {"code": 100, "error_subcode": 33}, CallFailureKind.NOT_FOUND, None),
        (400, {"code": 100, "error_subcode": 2388040}, CallFailureKind.REFUSED, "components"),
        (400, {"code": 131009, "message": "Param category must be known"}, CallFailureKind.REFUSED, "category"),
        (400, {"code": 2388019, "message": "Limit"}, CallFailureKind.REFUSED, None),
        (400, {"code": 80007}, CallFailureKind.THROTTLED, None),
        (503, {"code": 2}, CallFailureKind.UNREACHABLE, None),
        (502, None, CallFailureKind.UNREACHABLE, None),
        (404, None, CallFailureKind.CREDENTIALS, None),
    ],
)
async def test_a_refusal_is_read_by_its_code(graph, status, error, kind, member):
    calls, answers = graph
    answers.append((status, {} if error is None else {"error": error}))

    ended = await calls.call(SOURCE, "GET", "1")

    assert (kind, member) == (ended.kind, ended.member)


async def test_the_words_for_people_are_the_detail_where_there_are_any(graph):
    calls, answers = graph
    words = {"error_user_title": "Blocked", "error_user_msg": "Choose another name."}
    answers.append((400, {"error": {"code": 100, "message": "Invalid parameter", **words}}))

    ended = await calls.call(SOURCE, "GET", "1")

    assert "Blocked: Choose another name." == ended.detail
