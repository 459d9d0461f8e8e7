"""Meta's errors: codes, titles, HTTP statuses and bodies.

Source: Cloud API error codes page, Sep 2026, its HTTP column from the copy of Dec 2025; 104 and 2200 as observed.
"""

from typing import Any

from waypost.sandbox.ids import trace_id

ERRORS_PAGE = "https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes"

# code: (HTTP status, title)
_KNOWN: dict[int, tuple[int, str]] = {
    0: (401, "AuthException"),
    1: (400, "API Unknown"),
    2: (503, "API Service"),
    3: (500, "API Method"),
    4: (400, "API Too Many Calls"),
    10: (403, "Permission Denied"),
    33: (400, "Parameter value is not valid"),
    100: (400, "Invalid parameter"),
    104: (400, "An access token is required to request this resource."),
    190: (401, "Invalid OAuth access token"),
    200: (403, "API Permission"),
    368: (403, "Temporarily blocked for policies violations"),
    2200: (400, "Callback verification failed"),
    80007: (400, "Rate limit issues"),
    130403: (400, "Business has blocked the user"),
    130429: (400, "Rate limit hit"),
    130472: (400, "User's number is part of an experiment"),
    130497: (403, "Business account is restricted from messaging users in this country"),
    131000: (500, "Something went wrong"),
    131005: (403, "Access denied"),
    131008: (400, "Required parameter is missing"),
    131009: (400, "Parameter value is not valid"),
    131016: (500, "Service unavailable"),
    131020: (400, "Group has too few participants"),
    131021: (400, "Recipient cannot be sender"),
    131026: (400, "Message undeliverable"),
    131030: (400, "Recipient phone number not in allowed list"),
    131031: (403, "Account has been locked"),
    131037: (400, "WhatsApp provided number needs display name approval before message can be sent."),
    131041: (400, "Group unknown"),
    131042: (400, "Business eligibility payment issue"),
    131045: (500, "Incorrect certificate"),
    131047: (400, "Re-engagement message"),
    131048: (400, "Spam rate limit hit"),
    131049: (400, "This message was not delivered to maintain healthy ecosystem engagement."),
    131050: (400, "Unable to deliver the message. This recipient has chosen to stop receiving marketing messages."),
    131051: (400, "Unsupported message type"),
    131052: (400, "Media download error"),
    131053: (400, "Media upload error"),
    131056: (400, "(Business Account, Consumer Account) pair rate limit hit"),
    131057: (500, "Account in maintenance mode"),
    131059: (400, "Invalid cursor"),
    131062: (400, "Business-scoped user ID is not supported for this message"),
    131063: (400, "Marketing messages are disabled on Cloud API"),
    131201: (206, "Partial success"),
    131202: (400, "Duplicate group participant"),
    131204: (400, "Too many group participants"),
    131207: (403, "Group suspended"),
    131208: (429, "Group operation rate limit hit"),
    131211: (400, "Limit of groups reached"),
    131212: (400, "Not a participant of the group"),
    131213: (400, "Join request unknown"),
    131214: (400, "Group creation is not available"),
    131215: (400, "Not eligible for groups"),
    132000: (400, "Number of parameters does not match the expected number of params"),
    132001: (404, "Template name does not exist in the translation"),
    132005: (400, "Translated text too long"),
    132007: (400, "Format character policy violated"),
    132012: (400, "Parameter format does not match format in the created template"),
    132015: (400, "Template is paused"),
    132016: (400, "Template is disabled"),
    132068: (400, "Flow is in blocked state"),
    132069: (400, "Flow is in throttled state"),
    133000: (500, "Incomplete deregistration"),
    133004: (503, "Server temporarily unavailable"),
    133005: (400, "Two step verification PIN mismatch"),
    133006: (400, "Phone number re-verification needed"),
    133010: (400, "Phone number not registered"),
    133015: (400, "Please wait a few minutes before attempting to register this phone number"),
    133016: (400, "Account register/deregister rate limit exceeded"),
    135000: (400, "Generic user error"),
    137000: (400, "Recipient identity key hash mismatch"),
    2388019: (400, "Message template limit exceeded"),
    2388023: (400, "Message template language is being deleted"),
    2388024: (400, "Content in this language already exists"),
}


def title_of(code: int) -> str:
    """Return the title of a code; an unknown one is called so."""
    return _KNOWN.get(code, (400, "Unknown error"))[1]


def http_status_of(code: int) -> int:
    """Return the documented HTTP status of a code; 403 for the permission range, 400 for an unknown one."""
    if 200 < code < 300:
        return 403
    return _KNOWN.get(code, (400, ""))[0]


class GraphError(Exception):
    """A refusal in Graph's form: raised anywhere under graph/, made an answer in one place."""

    def __init__(
        self,
        code: int,
        details: str | None = None,
        *,
        message: str | None = None,
        subcode: int | None = None,
        http_status: int | None = None,
        retry_after_seconds: int | None = None,
    ) -> None:
        super().__init__(code, details)
        self.code = code
        self.details = details
        self.message = message if message is not None else f"(#{code}) {title_of(code)}"
        self.subcode = subcode
        self.http_status = http_status if http_status is not None else http_status_of(code)
        self.retry_after_seconds = retry_after_seconds

    def body(self) -> dict[str, Any]:
        """Return the JSON body, with a fresh trace id."""
        error: dict[str, Any] = {"message": self.message, "type": self._type(), "code": self.code}
        if self.details is not None:
            error["error_data"] = {"messaging_product": "whatsapp", "details": self.details}
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        error["fbtrace_id"] = trace_id()
        return {"error": error}

    def _type(self) -> str:
        return "GraphMethodException" if self.subcode == 33 else "OAuthException"


def invalid(details: str) -> GraphError:
    """Return 131009: a parameter has a value it cannot have."""
    return GraphError(131009, details)


def missing(name: str) -> GraphError:
    """Return 131008: a required parameter is not there."""
    return GraphError(131008, f"The parameter {name} is required.")


def malformed(details: str) -> GraphError:
    """Return 100: the request is not of the right shape."""
    return GraphError(100, details)


def no_such_object(object_id: str, method: str) -> GraphError:
    """Return 100 with subcode 33: no such object, or none that this token may see. Graph does not tell them apart."""
    return GraphError(
        100,
        message=(
            f"Unsupported {method.lower()} request. Object with ID '{object_id}' does not exist, cannot be loaded due "
            "to missing permissions, or does not support this operation. Please read the Graph API documentation at "
            "https://developers.facebook.com/docs/graph-api"
        ),
        subcode=33,
    )


def failed_status_errors(code: int, details: str | None = None) -> list[dict[str, Any]]:
    """Return the `errors` of a failed status."""
    title = title_of(code)
    return [
        {
            "code": code,
            "title": title,
            "message": title,
            "error_data": {"details": details or _LATER_DETAILS.get(code, title)},
            "href": ERRORS_PAGE,
        }
    ]


_LATER_DETAILS = {
    131026: "Message undeliverable.",
    131047: "Message failed to send because more than 24 hours have passed since the customer last replied to this "
    "number.",
    131050: "Unable to deliver the message. This recipient has chosen to stop receiving marketing messages on "
    "WhatsApp from your business.",
}
