"""Files that say what a bulk send sends."""

from pathlib import Path

import pytest

from waypost.cli.bulk_entry import build_entry
from waypost.cli.bulk_sending import interrupted_note
from waypost.cli.exits import CommandFailure, ExitCode


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b"9" * 5_000])
def test_a_file_that_holds_no_entry_is_told_in_words(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "entry.json"
    path.write_bytes(content)

    with pytest.raises(CommandFailure) as told:
        build_entry(text=None, template=None, language="en", attributes=(), entry_file=path)
    assert told.value.code is ExitCode.USAGE


def test_whoever_interrupts_a_repeated_send_is_not_told_to_repeat_it() -> None:
    assert "run this command again" in interrupted_note("running", "1", is_repeated=False)
    for state in ("draft", "running", "paused"):
        note = interrupted_note(state, "1", is_repeated=True)
        assert "this command again" not in note
        assert "waypost bulk" in note
