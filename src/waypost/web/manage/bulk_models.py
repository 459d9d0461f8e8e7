"""What may be asked of bulk sends, and what is shown of them."""

from datetime import datetime
from typing import Annotated, Any, Final, Self

import orjson
from pydantic import AfterValidator, Field, StringConstraints

from waypost.contract.errors import remark_of
from waypost.domain.bulk import BulkState, RowState
from waypost.domain.errors import FailureReason
from waypost.store.bulk import BulkRecord, RowOutcome
from waypost.web.manage.requests import Name, Request
from waypost.web.manage.traffic_views import status_name
from waypost.web.manage.views import View, as_optional_time, as_time

ROWS_PER_CALL_MAX: Final = 5_000
FIELDS_MAX: Final = 200
ROW_CHARACTERS_MAX: Final = 16_384
"""Names and texts of a row together: rows are read by the thousand."""
_ENTRY_EXAMPLE: Final = {
    "message_type": "template",
    "source": "417-220",
    "type_template": [{"name": "order_ready", "language": {"locale": "en"}, "attributes": ["{{name}}", "{{order}}"]}],
}


def _check_size(fields: dict[str, str]) -> dict[str, str]:
    if sum(len(name) + len(text) for name, text in fields.items()) > ROW_CHARACTERS_MAX:
        raise ValueError(f"have more than {ROW_CHARACTERS_MAX} characters together")
    return fields


Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Recipient = Annotated[str, StringConstraints(min_length=1, max_length=512)]
FieldName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
FieldText = Annotated[str, StringConstraints(max_length=8_192)]


class BulkCreation(Request):
    """A new bulk send: what to send, without whom to."""

    name: Name
    entry: dict[str, Any] = Field(
        description="An entry of a send request without `recipient_whatsapp`. `{{column}}` in any of its texts stands "
        "for the row's field of that name.",
        examples=[_ENTRY_EXAMPLE],
    )
    digest: Digest | None = Field(
        default=None,
        description="Hex SHA-256 of what is sent to whom. If the account has a bulk send of this digest, that one is "
        "the answer and nothing is made: so an interrupted upload goes on, and nothing is sent twice by mistake.",
    )


class BulkRow(Request):
    """One recipient, and the fields for the entry's placeholders."""

    recipient: Recipient
    fields: Annotated[dict[FieldName, FieldText], Field(max_length=FIELDS_MAX), AfterValidator(_check_size)] = Field(
        default={},
        description=f"At most {ROW_CHARACTERS_MAX} characters together.",
        examples=[{"name": "Ann", "order": "118"}],
    )


class BulkRows(Request):
    """Rows, in their order."""

    rows: list[BulkRow] = Field(min_length=1, max_length=ROWS_PER_CALL_MAX)


class BulkCancellation(Request):
    """How much of a bulk send to take back."""

    messages: bool = Field(default=False, description="Also cancel its messages that were not sent yet.")


class BulkView(View):
    """A bulk send: what it sends, and how far it is."""

    id: str
    name: str
    state: BulkState = Field(
        description="`draft` takes rows; `running` makes messages of them; `done`: every row was accepted or refused."
    )
    entry: dict[str, Any] = Field(examples=[_ENTRY_EXAMPLE])
    rows_total: int
    rows_pending: int = Field(description="Nothing was done about these yet; of a cancelled one, nothing ever is.")
    rows_accepted: int = Field(description="These became messages.")
    rows_refused: int
    created_at: datetime
    ended_at: datetime | None

    @classmethod
    def of(cls, record: BulkRecord) -> Self:
        """Return the view of a stored bulk send."""
        return cls(**_members(record))


class BulkProgressView(BulkView):
    """A bulk send, and how many of its messages wait."""

    messages_unsent: int = Field(description="Messages made of its rows that wait to be sent: scheduled ones too.")

    @classmethod
    def measured(cls, record: BulkRecord, *, messages_unsent: int) -> Self:
        """Return the view with that count."""
        return cls(**_members(record), messages_unsent=messages_unsent)


class BulkRowView(View):
    """One row, and what became of it."""

    position: int
    recipient: str
    fields: dict[str, str] = Field(examples=[{"name": "Ann", "order": "118"}])
    outcome: str = Field(description="pending, accepted, refused or cancelled.")
    message_id: str | None
    status: str | None = Field(description="Its message's; null without one, and once retention has taken it.")
    remark: str = Field(description="Why it was refused, or why its message failed; empty otherwise.")

    @classmethod
    def of(cls, row: RowOutcome, *, is_cancelled: bool) -> Self:
        """Return the view of a row; ``is_cancelled`` says that its bulk send is."""
        return cls(
            position=row.position,
            recipient=row.recipient,
            fields=orjson.loads(row.fields),
            outcome=outcome_of(row.state, is_cancelled=is_cancelled),
            message_id=row.message_id,
            status=None if row.message_state is None else status_name(row.message_state),
            remark=remark_on(row),
        )


class BulkOutcomeView(View):
    """How many rows of a bulk send ended alike."""

    outcome: str
    status: str | None = Field(description="That of their messages; null without one.")
    rows: int


def outcome_of(state: int, *, is_cancelled: bool) -> str:
    """Return in a word what became of a row."""
    if state == RowState.PENDING and is_cancelled:
        return "cancelled"
    return RowState(state).name.lower()


def remark_on(row: RowOutcome) -> str:
    """Return why a row was refused, or why its message failed; ``""`` otherwise."""
    if row.refusal is not None:
        return row.refusal
    return "" if row.failure is None else remark_of(FailureReason(row.failure))


def _members(record: BulkRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "name": record.name,
        "state": BulkState(record.state),
        "entry": orjson.loads(record.entry),
        "rows_total": record.rows_total,
        "rows_pending": record.rows_total - record.rows_accepted - record.rows_refused,
        "rows_accepted": record.rows_accepted,
        "rows_refused": record.rows_refused,
        "created_at": as_time(record.created_at_us),
        "ended_at": as_optional_time(record.ended_at_us),
    }
