"""A business account's templates, page by page; what cannot be read as a whole is not read at all."""

from urllib.parse import parse_qs, urlsplit

import pytest
from tests.providers.conftest import WABA

from waypost.domain.errors import SendFailure, SendFailureKind
from waypost.ports import ProviderTemplate

BODY = {"type": "BODY", "text": "Hi"}


def listed(name, **more):
    found = {"id": "1", "name": name, "language": "en", "status": "APPROVED", "category": "UTILITY"}
    return {**found, "components": [BODY], "quality_score": {"score": "GREEN"}, "rejected_reason": "NONE", **more}


def page(*items, after=None):
    paging = {} if after is None else {"paging": {"cursors": {"after": after}, "next": "https://graph.example/next"}}
    return {"data": list(items), **paging}


async def test_all_pages_are_read_and_what_is_no_template_is_left_out(client, source, upstream):
    upstream.will_answer(200, page(listed("a"), 7, {"name": "b"}, listed("c", language=None), after="CURSOR"))
    odd = listed("d", status="rejected", rejected_reason="INVALID_FORMAT", quality_score=None, components=[BODY, 7])
    upstream.will_answer(200, page(odd, listed("a", status="PAUSED")))

    found = await client.list_templates(source, waba_id=WABA)

    assert found == (
        ProviderTemplate(
            id="1", name="a", language="en", category="UTILITY", status="PAUSED", quality="GREEN", rejected_reason="",
            components=(BODY,),
        ),
        ProviderTemplate(
            id="1", name="d", language="en", category="UTILITY", status="REJECTED", quality="",
            rejected_reason="INVALID_FORMAT", components=(BODY,),
        ),
    )  # fmt: skip
    first, second = (urlsplit(request[1]) for request in upstream.requests)
    assert first.path == f"/v25.0/{WABA}/message_templates"
    assert "after" not in parse_qs(first.query)
    assert parse_qs(second.query)["after"] == ["CURSOR"]
    assert "components" in parse_qs(first.query)["fields"][0]


@pytest.mark.parametrize("broken", [{"data": {}}, {}, page(listed("b"), after="CURSOR")])
async def test_a_list_that_breaks_off_is_no_list(client, source, upstream, broken):
    upstream.will_answer(200, page(listed("a"), after="CURSOR"))
    upstream.will_answer(200, broken)

    failure = await client.list_templates(source, waba_id=WABA)

    assert isinstance(failure, SendFailure)
    assert failure.kind is SendFailureKind.TRANSIENT


async def test_a_refusal_is_told_as_it_is(client, source, upstream):
    upstream.will_answer(401, {"error": {"message": "expired", "code": 190}})

    failure = await client.list_templates(source, waba_id=WABA)

    assert isinstance(failure, SendFailure)
    assert (190, SendFailureKind.MISCONFIGURED) == (failure.provider_code, failure.kind)
