"""
The blocks of a page that can be run, and running them as a reader would: from top to bottom, in one shell.

    ```bash                 run in bash; variables and functions live on to the page's end
    ```sh                   holds something of the reader's own (an id, a file): must be a shell's language; another test
                            sees that its `waypost` commands and their options exist
    ```python               run in this process; names live on, and the shell's variables are in `os.environ`
    ```json                 must be JSON, or lines of it
    ```json title="Answer"  has the members of what the block before printed last, with the same kinds of values
    ```json title="Webhook" has the members of a webhook that the page caused
    ```json title="POST /api/v2/message/"
                            is posted there; an "Answer" may follow

A block below `<!-- not run: why -->` is not run.
"""

import json
import os
import re
import subprocess
import textwrap
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BLOCK_SECONDS_MAX = 180.0
RUN = frozenset({"bash", "sh", "python", "json"})
_FENCE = re.compile(r"^(?P<indent> *)```(?P<words>[^\n`]*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
_EXCUSE = re.compile(r"<!-- not run: (.+?) -->\s*$", re.DOTALL)
_TITLE = re.compile(r'title="([^"]*)"')
_VERBATIM = frozenset({"status", "code", "error", "type"})
"""Members of an answer at the top, or in an error, whose values are compared too."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """One fenced block: its language, its title, its text, and why it is not run, if it is not."""

    page: str
    line: int
    language: str
    title: str
    text: str
    excuse: str | None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks_of(page: Path, root: Path) -> list[Block]:
    """Return the page's blocks from top to bottom."""
    whole, found = page.read_text(encoding="utf-8"), []
    for match in _FENCE.finditer(whole):
        words = match["words"].strip()
        language = words.split()[0] if words else ""
        title = _TITLE.search(words)
        excuse = _EXCUSE.search(whole[: match.start()].rstrip(" "))
        found.append(
            Block(
                page=str(page.relative_to(root)),
                line=whole.count("\n", 0, match.start()) + 1,
                language=language,
                title=title[1] if title else "",
                text=textwrap.dedent(match["text"]),
                excuse=excuse[1] if excuse else None,
            )
        )
    return found


@dataclass
class Reader:
    """Somebody who works through one page, in one directory, with these variables to begin with."""

    directory: Path
    variables: dict[str, str]
    names: dict[str, Any] = field(default_factory=lambda: {"__name__": "page"})
    printed: str = ""

    def work_through(self, blocks: list[Block]) -> None:
        """Run the blocks; AssertionError says at which one it went wrong, and how."""
        for block, after in zip(blocks, [*blocks[1:], None], strict=True):
            if block.excuse is not None:
                if block.language == "python":
                    compile(block.text, str(block), "exec")
                continue
            is_answered = after is not None and after.title == "Answer"
            match block.language:
                case "sh":
                    subprocess.run(["bash", "-n", "-c", block.text], check=True)
                case "bash":
                    self._run_shell(block)
                    assert is_answered or not _refusals(self.printed), f"{block} was refused:\n{self.printed}"
                case "python":
                    self._run_python(block)
                case "json":
                    self._look_at(block, is_answered=is_answered)

    def _run_shell(self, block: Block) -> None:
        state = self.directory / ".shell"
        script = f"set -a\n[ -f {state} ] && . {state}\nset -e -o pipefail\n{block.text}\ndeclare -f > {state}\nenv -0 > {state}.env\n"
        ended = subprocess.run(
            ["bash", "-c", script],
            cwd=self.directory,
            env=self.variables,
            capture_output=True,
            text=True,
            timeout=BLOCK_SECONDS_MAX,
            check=False,
        )
        assert ended.returncode == 0, f"{block} ended with {ended.returncode}:\n{ended.stdout}\n{ended.stderr}"
        self.printed = ended.stdout
        entries = Path(f"{state}.env").read_bytes().decode().split("\0")
        kept = dict(entry.split("=", 1) for entry in entries if "=" in entry)
        self.variables = {name: value for name, value in kept.items() if not name.startswith("BASH_FUNC")}

    def _run_python(self, block: Block) -> None:
        before, here = dict(os.environ), Path.cwd()
        os.environ.update(self.variables)
        os.chdir(self.directory)
        try:
            exec(compile(block.text, str(block), "exec"), self.names)
        finally:
            os.environ.clear()
            os.environ.update(before)
            os.chdir(here)

    def _look_at(self, block: Block, *, is_answered: bool) -> None:
        values = read_json(block)
        if block.title == "Answer":
            problem = difference(values[0], _last_json(self.printed))
            assert problem is None, f"{block} differs from what was answered: {problem}\n{self.printed}"
        elif block.title == "Webhook":
            told = self._webhooks()
            problems = [difference(values[0], one) for one in told]
            assert None in problems, f"{block} is like no webhook that came: {problems}"
        elif re.match(r"(POST|PUT|PATCH) /", block.title):
            method, _, path = block.title.partition(" ")
            self.printed = self._ask(method, path, json.dumps(values[0]).encode())
            assert is_answered or not _refusals(self.printed), f"{block} was refused:\n{self.printed}"

    def _ask(self, method: str, path: str, body: bytes | None) -> str:
        headers = {"Authorization": f"Bearer {self.variables['KEY']}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.variables["BASE"] + path, data=body, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=BLOCK_SECONDS_MAX) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.read().decode()

    def _webhooks(self) -> list[Any]:
        with urllib.request.urlopen(f"{self.variables['INSPECTOR']}events?limit=1000", timeout=10) as answer:
            return [event["body"] for event in json.loads(answer.read())["events"]]


def read_json(block: Block) -> list[Any]:
    """Return the values of a block of JSON: one, or one a line or paragraph."""
    decoder, text, found = json.JSONDecoder(), block.text.strip(), []
    while text:
        try:
            value, end = decoder.raw_decode(text)
        except json.JSONDecodeError as error:
            raise AssertionError(f"{block} is not JSON: {error}") from error
        found.append(value)
        text = text[end:].lstrip()
    assert found, f"{block} is empty"
    return found


def difference(shown: Any, real: Any, *, place: str = "$", depth: int = 0) -> str | None:
    """Say how a shown value differs from a real one in shape, or None: an array is shown by its beginning."""
    if isinstance(shown, dict) and isinstance(real, dict):
        if set(shown) != set(real):
            return f"{place} has {sorted(real)}, shown are {sorted(shown)}"
        for name, value in shown.items():
            if name in _VERBATIM and depth < 2 and isinstance(value, str | int) and value != real[name]:
                return f"{place}.{name} is {real[name]!r}, shown is {value!r}"
            found = difference(value, real[name], place=f"{place}.{name}", depth=depth + 1)
            if found is not None:
                return found
        return None
    if isinstance(shown, list) and isinstance(real, list):
        pairs = zip(shown, real, strict=False)
        differences = (difference(one, other, place=f"{place}[]", depth=depth + 1) for one, other in pairs)
        return next((found for found in differences if found is not None), None)
    if _kind(shown) != _kind(real) and None not in (shown, real):
        return f"{place} is {real!r}, shown is {shown!r}"
    return None


def _kind(value: Any) -> type:
    return float if isinstance(value, int | float) and not isinstance(value, bool) else type(value)


def _json_lines(printed: str) -> list[Any]:
    decoder, found, at = json.JSONDecoder(), [], 0
    while (start := printed.find("{", at)) >= 0:
        try:
            value, at = decoder.raw_decode(printed, start)
        except json.JSONDecodeError:
            at = start + 1
        else:
            found.append(value)
    return found


def _last_json(printed: str) -> Any:
    values = _json_lines(printed)
    assert values, f"nothing that could be compared was printed: {printed!r}"
    return values[-1]


def _refusals(printed: str) -> list[Any]:
    """Return the answers among the printed ones that say no."""
    return [
        value
        for value in _json_lines(printed)
        if value.get("status") == "failure"
        or str(value.get("type", "")).startswith("urn:waypost:problem:")
        or {"error", "message"} <= set(value)
    ]
