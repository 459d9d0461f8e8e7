"""Templates at the terminal: made of options, and shown as a phone would show them."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waypost.cli.exits import CommandFailure, ExitCode
from waypost.cli.printing import print_text

if TYPE_CHECKING:
    from waypost.store.template_reading import TemplateRecord


def components_of(
    body: str | None, examples: list[str], header: str | None, footer: str | None, quick_replies: list[str]
) -> list[dict[str, Any]]:
    """Return the provider's components of a plain template. Raises ``CommandFailure`` without a body."""
    if body is None:
        raise CommandFailure(ExitCode.USAGE, "Give --body, or --components with a file.")
    text: dict[str, Any] = {"type": "BODY", "text": body}
    if examples:
        text["example"] = {"body_text": [examples]}
    above = [] if header is None else [{"type": "HEADER", "format": "TEXT", "text": header}]
    below = [] if footer is None else [{"type": "FOOTER", "text": footer}]
    buttons = [{"type": "QUICK_REPLY", "text": label} for label in quick_replies]
    return [*above, text, *below, *([{"type": "BUTTONS", "buttons": buttons}] if buttons else [])]


def read_components(path: Path) -> Any:
    """Return what a file of components holds. Raises ``CommandFailure`` for one that is no JSON."""
    import json  # noqa: PLC0415

    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandFailure(ExitCode.USAGE, f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise CommandFailure(ExitCode.USAGE, f"{path} is not JSON: {error}") from error


def button_values(written: list[str]) -> dict[int, str]:
    """Return values by the button's place, from texts such as ``0=r/31``. Raises ``CommandFailure``."""
    values = {}
    for one in written:
        place, mark, given = one.partition("=")
        if not mark or not place.isdecimal():
            raise CommandFailure(ExitCode.USAGE, f"--button: `{one}` is not PLACE=VALUE, such as 0=r/31.")
        values[int(place)] = given
    return values


def print_parts(record: "TemplateRecord", parameters: "list[str] | tuple[str, ...]", buttons: dict[int, str]) -> None:
    """Print a template as a phone would show it, from top to bottom."""
    from waypost.web.template_preview import RenderedTemplate, render_template  # noqa: PLC0415

    def lines(part: RenderedTemplate, say: Callable[[str], None]) -> None:
        if part.header_kind:
            say(part.header or f"[{part.header_kind}]")
        for text in (part.body, part.footer):
            if text:
                say(text)
        for button in part.buttons:
            say(f"[ {button.label or button.kind} ]" + (f"  {button.target}" if button.target else ""))
        for card in part.cards:
            say("---")
            lines(card, say)

    rendered = render_template(
        record.components, category=record.category, parameters=parameters, button_values=buttons
    )
    lines(rendered, print_text)
