"""How a command ends: its exit code, and the failure that carries it to the edge."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What a script may rely on; ``docs`` and ``waypost --help`` list them."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    NOT_FOUND = 3
    UNAVAILABLE = 4


EXIT_CODES_HELP = (
    "Exit codes: 0 done; 1 refused, or a check failed; 2 wrong usage or settings; 3 there is no such thing; "
    "4 the database or the gateway cannot be reached."
)


class CommandFailure(Exception):  # noqa: N818 - the end of a command, in its own words
    """What a command says when it cannot do its work: ``text`` is what is wrong, ``hint`` what to do."""

    def __init__(self, code: ExitCode, text: str, *, hint: str = "") -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.hint = hint
