"""Approved templates of the demo's business account, so that whoever tries it has something to send."""

import contextlib
from typing import Any, Final

from waypost.sandbox import Sandbox
from waypost.sandbox.graph.errors import GraphError

_SAMPLES: Final[tuple[dict[str, Any], ...]] = (
    {
        "name": "repair_done",
        "language": "en",
        "category": "UTILITY",
        "components": [
            {
                "type": "BODY",
                "text": "Hello {{1}}, your bicycle {{2}} is ready for collection.",
                "example": {"body_text": [["Noor", "B-52"]]},
            },
            {"type": "FOOTER", "text": "Demo shop"},
        ],
    },
    {
        "name": "bicycle_photo",
        "language": "en",
        "category": "UTILITY",
        "components": [
            {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": ["4::picture"]}},
            {
                "type": "BODY",
                "text": "This is how your bicycle looks now, {{1}}.",
                "example": {"body_text": [["Noor"]]},
            },
        ],
    },
    {
        "name": "spring_rates",
        "language": "en",
        "category": "MARKETING",
        "components": [
            {"type": "HEADER", "format": "DOCUMENT", "example": {"header_handle": ["4::document"]}},
            {
                "type": "BODY",
                "text": "Our rates for {{1}} are here.",
                "example": {"body_text": [["April"]]},
            },
            {
                "type": "BUTTONS",
                "buttons": [
                    {
                        "type": "URL",
                        "text": "Book",
                        "url": "https://shop.example.org/{{1}}",
                        "example": ["https://shop.example.org/r/31"],
                    }
                ],
            },
        ],
    },
    {
        "name": "track_repair",
        "language": "en",
        "category": "UTILITY",
        "components": [
            {"type": "BODY", "text": "Your repair has begun. Follow it here."},
            {
                "type": "BUTTONS",
                "buttons": [
                    {
                        "type": "URL",
                        "text": "Follow",
                        "url": "https://shop.example.org/repairs/{{1}}",
                        "example": ["https://shop.example.org/repairs/118"],
                    },
                    {"type": "QUICK_REPLY", "text": "Call me"},
                ],
            },
        ],
    },
    {
        "name": "login_code",
        "language": "en",
        "category": "AUTHENTICATION",
        "components": [
            {"type": "BODY", "add_security_recommendation": True},
            {"type": "BUTTONS", "buttons": [{"type": "OTP", "otp_type": "COPY_CODE", "text": "Copy code"}]},
        ],
    },
)


def provide_templates(sandbox: Sandbox, waba_id: str) -> None:
    """Put the samples on the sandbox, approved; those that are there, or were deleted, are left as they are."""
    known = {(template.name, template.language) for template in sandbox.templates.of_account(waba_id)}
    for sample in _SAMPLES:
        if (sample["name"], sample["language"]) not in known:
            # The name of a deleted template is blocked for some time.
            with contextlib.suppress(GraphError):
                sandbox.templates.set_status(sandbox.templates.create(waba_id, sample), "APPROVED")
