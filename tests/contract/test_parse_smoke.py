"""The send request in its three commonest forms."""

from waypost.contract.errors import ContractRefusal
from waypost.contract.replies import FailureReplies, messages_accepted
from waypost.contract.requests import parse_send_request
from waypost.domain.message import Attachment, Media, MessageKind
from waypost.domain.policy import SourcePolicy

MEDIA = (
    b'{"message":[{"recipient_whatsapp":"12025550143","message_type":"media","source":"417-220",'
    b'"type_media":[{"attachments":[{"attachment_id":"e4a61b0f","caption":"Receipt 118"}]}]}]}'
)


def test_the_media_example_becomes_a_draft():
    drafts = parse_send_request(MEDIA, source_policy=SourcePolicy.STRICT, now_us=0)

    assert isinstance(drafts, list)
    assert drafts[0].kind is MessageKind.MEDIA
    assert drafts[0].content == Media(attachment=Attachment(media_id="e4a61b0f"), caption="Receipt 118")


def test_a_refusal_becomes_the_failure_envelope():
    refusal = parse_send_request(b"{", source_policy=SourcePolicy.STRICT, now_us=0)

    assert isinstance(refusal, ContractRefusal)
    assert FailureReplies().refused(refusal) == (
        200,
        b'{"status":"failure","error":{"code":"8001","message":"Required parameter is missing"}}',
    )


def test_one_id_and_several_ids_have_their_own_answers():
    assert messages_accepted(["a"]) == (
        b'{"status":"success","message":"Request received successfully.","data":{"id":"a"}}'
    )
    assert messages_accepted(["a", "b"]) == (
        b'{"status":"success","message":"Request received successfully.","data":{"id":"a","ids":["a","b"]}}'
    )
