"""
What MkDocs does with the pages besides building them; named in mkdocs.yml.

The pages are written to be read in the repository as well. So the documents of the project that stand outside docs/ are
taken in under project/, the navigation's `folder/*` is filled, and forms that only one of the two readers knows are
brought to the other's.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
PROJECT = ("ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
_LINK = re.compile(r"\]\((?!#|[a-z]+:)([^)\s]+)\)")
_STATES = re.compile(r"^```mermaid\nstateDiagram-v2\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FENCE_WORD = re.compile(r"^( *```json) request$", re.MULTILINE)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fill the navigation: `folder/*` becomes the folder's pages; a page that is not there is left out."""
    config.nav = list(_filled(config.nav or [], Path(config.docs_dir)))
    return config


def _filled(entries: list[Any], docs: Path) -> Iterator[Any]:
    for entry in entries:
        if isinstance(entry, dict):
            ((title, inner),) = entry.items()
            if isinstance(inner, list):
                yield {title: list(_filled(inner, docs))}
            elif inner.startswith("project/") or (docs / inner).is_file():
                yield entry
        elif entry.endswith("/*"):
            folder = docs / entry.removesuffix("/*")
            yield from (f"{folder.name}/{page.name}" for page in sorted(folder.glob("*.md")) if page.stem != "README")
        else:
            yield entry


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Take the project's own documents in."""
    for name in PROJECT:
        text = _LINK.sub(_as_seen_from_the_site, (ROOT / name).read_text(encoding="utf-8"))
        files.append(File.generated(config, f"project/{name}", content=text))
    return files


def _as_seen_from_the_site(match: re.Match[str]) -> str:
    """Return a link of a document of the root, as the copy under project/ has to write it."""
    target = match[1]
    path = target.partition("#")[0]
    if path.startswith("docs/"):
        found = "../" + target.removeprefix("docs/")
        return f"]({found if path.endswith('.md') else found.rstrip('/') + '/README.md'})"
    if path == "README.md":
        return f"](../{target})"
    if path in PROJECT:
        return match[0]
    return "]"  # a file of the repository: its name stays, without a link


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Bring forms that only GitHub, or only a test, knows to those that the site can show."""
    del page, config, files
    markdown = _FENCE_WORD.sub(r'\1 title="Request"', markdown)
    return _STATES.sub(_as_table, markdown)


def _as_table(match: re.Match[str]) -> str:
    """Return a diagram of states as a table: drawing it would need a script from elsewhere."""
    ways: dict[str, list[str]] = {}
    for line in match[1].splitlines():
        start, _, end = line.strip().partition(" --> ")
        if end:
            ways.setdefault(start, []).append(f"`{end}`")
    rows = [f"| `{start}` | {', '.join(ends)} |" for start, ends in ways.items()]
    return "\n".join(["| From | To |", "| --- | --- |", *rows])
