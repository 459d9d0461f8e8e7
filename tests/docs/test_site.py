"""The site is built from the pages, whole, and asks nobody else for anything."""

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from tests.docs.conftest import ROOT

from tools import docs

LOADS = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    directory = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [str(Path(sys.executable).with_name("mkdocs")), "build", "--strict", "--site-dir", str(directory)],
        cwd=ROOT,
        env={"NO_MKDOCS_2_WARNING": "1", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    yield directory
    shutil.rmtree(directory)


class _Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.loads, self.links, self.anchors, self.words = [], [], set(), []

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.anchors.add(values.get("id"))
        if tag in LOADS and values.get(LOADS[tag]) and values.get("rel") != "canonical":
            self.loads.append(values[LOADS[tag]])
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])

    def handle_data(self, data):
        self.words.append(data)


def read(path):
    page = _Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def test_nothing_is_loaded_from_elsewhere(site):
    loads = {load for path in site.rglob("*.html") for load in read(path).loads}

    assert len(loads) > 10
    assert [] == sorted(load for load in loads if urlsplit(load).netloc)
    for sheet in site.rglob("*.css"):
        # Material's own sheets name the namespace of SVG and its licence; only what is fetched counts.
        fetched = re.findall(
            r"url\(\s*[\"']?(?:https?:)?//[^)]*\)|@import[^;]*//[^;]*", sheet.read_text(encoding="utf-8")
        )
        assert [] == fetched, sheet.name


def test_no_diagram_is_left_for_a_script_from_elsewhere_to_draw(site):
    assert [] == [path.name for path in site.rglob("*.html") if 'class="mermaid"' in path.read_text(encoding="utf-8")]


def test_every_page_is_built_and_every_link_in_it_leads_somewhere(site):
    pages = {path: read(path) for path in site.rglob("*.html")}
    broken = []
    for path, page in pages.items():
        if path.name == "404.html":  # its links are for whatever folder it is shown in
            continue
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = path if not parts.path else (path.parent / unquote(parts.path)).resolve()
            if target.is_dir():
                target = target / "index.html"
            is_there = target in pages if target.suffix == ".html" else target.is_file()
            if not is_there or (parts.fragment and unquote(parts.fragment) not in pages[target].anchors):
                broken.append((path.relative_to(site).as_posix(), link))

    built = {path.relative_to(site).with_suffix("").as_posix() for path in pages}
    written = {path.relative_to(ROOT / "docs").with_suffix("").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert {name.removesuffix("README") + "index" if name.endswith("README") else name for name in written} <= built
    assert [] == broken


def test_no_fence_is_left_unread(site):
    assert [] == [path.name for path in site.rglob("*.html") if "```" in "".join(read(path).words)]


def test_what_is_generated_is_as_the_code_has_it_and_nothing_else_is_there():
    made = dict(docs.generated())
    stale = [str(path.relative_to(ROOT)) for path, text in made.items() if path.read_text(encoding="utf-8") != text]

    assert [] == stale, "run: make docs"
    assert {path for path in made if path.parent == docs.API} == set(docs.API.glob("*.md"))
