"""Forms of the console as the requests that the manage API takes too, so that both keep the same rules."""

from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from waypost.web.manage.problems import Fault, Problem, ProblemKind

Model = TypeVar("Model", bound=BaseModel)

UNSET: Final = object()
"""Given for a member that is to be null, where None would mean that the field was left out."""


def build_request(model: type[Model], /, **members: Any) -> Model:
    """Return the request; members that are None or ``""`` are left out of it. Raises ``Problem``, naming each fault."""
    values = {name: None if value is UNSET else value for name, value in members.items() if value not in (None, "")}
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _invalid(error) from error


def _invalid(error: ValidationError) -> Problem:
    faults = tuple(
        Fault(
            place=".".join(str(part) for part in fault["loc"]) or "form",
            message=fault["msg"].removeprefix("Value error, "),
        )
        for fault in error.errors(include_url=False, include_context=False, include_input=False)
    )
    return Problem(
        ProblemKind.INVALID,
        "; ".join(f"{fault.place.replace('_', ' ')}: {fault.message}" for fault in faults),
        hint="Correct it and send the form again; nothing was changed.",
        faults=faults,
    )
