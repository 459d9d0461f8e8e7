"""What the pages say to type works, and what they show is what comes."""

import contextlib
import itertools
import json
import os
import re
import sys
import urllib.request
from pathlib import Path

import pytest
from tests.docs.conftest import ROOT
from tests.docs.demo_thread import DemoThread, running_demo
from tests.docs.snippets import RUN, Reader, blocks_of, difference

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
# Generated from the OpenAPI document, whose examples have tests of their own; and the law, which has its own too.
ELSEWHERE = frozenset({"docs/contract.md", *(f"docs/api/{page.name}" for page in (ROOT / "docs" / "api").glob("*.md"))})
WITH_BLOCKS = [
    page
    for page in PAGES
    if str(page.relative_to(ROOT)) not in ELSEWHERE and any(one.language in RUN for one in blocks_of(page, ROOT))
]
_phones = itertools.count(12025553001)


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    with running_demo(tmp_path_factory.mktemp("demo")) as demo:
        yield demo


@pytest.fixture
def reader(demo: DemoThread, tmp_path: Path):
    """Somebody who has done the quickstart: with its variables, and a phone of their own that has written."""
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "demo").symlink_to(demo.data_dir)
    facts = json.loads((demo.data_dir / "demo.json").read_text(encoding="utf-8"))
    phone = str(next(_phones))
    variables = {
        "BASE": facts["base_url"],
        "KEY": facts["api_key"],
        "SOURCE": facts["source_id"],
        "SOURCE_PHONE": facts["source_phone"],
        "SANDBOX": facts["sandbox_url"],
        "INSPECTOR": facts["inspector_url"],
        "PHONE": phone,
        "PICTURE": "var/demo/picture.png",
        "WAYPOST_DATA_DIR": str(demo.data_dir),
        "WAYPOST_URL": facts["base_url"],
        "WAYPOST_API_KEY": facts["api_key"],
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
    }
    demo.writes(phone)
    yield Reader(directory=tmp_path, variables=variables)
    demo.mend()


@pytest.mark.parametrize("page", WITH_BLOCKS, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_blocks_of_a_page_run_as_they_stand(page, reader: Reader):
    reader.work_through(blocks_of(page, ROOT))


def test_every_block_that_is_not_run_says_why():
    lacking = []
    for page in PAGES:
        for text in re.findall(r"<!-- not run[^>]*-->", page.read_text(encoding="utf-8")):
            reason = re.fullmatch(r"<!-- not run: (.{15,}) -->", text, re.DOTALL)
            lacking += [] if reason else [f"{page.name}: {text}"]

    assert [] == lacking


def test_most_blocks_are_run():
    blocks = [block for page in WITH_BLOCKS for block in blocks_of(page, ROOT) if block.language in RUN]
    run = [block for block in blocks if block.excuse is None]

    assert len(run) > 50
    assert len(run) > 0.8 * len(blocks)


def test_a_shown_answer_with_another_member_is_noticed():
    assert difference({"a": 1}, {"a": 2}) is None
    assert difference({"a": [1]}, {"a": []}) is None
    assert difference({"a": None}, {"a": "text"}) is None
    assert "shown are ['a', 'b']" in str(difference({"a": 1, "b": 2}, {"a": 1}))
    assert "$.a is 'x'" in str(difference({"a": 1}, {"a": "x"}))
    assert "$.status is 'failure'" in str(difference({"status": "success"}, {"status": "failure"}))


def test_a_block_that_fails_is_noticed(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("```bash\nA=1\nf() { echo $A; }\n```\n\n```bash\nf\nfalse\n```\n")

    with pytest.raises(AssertionError, match=r"page\.md:6 ended with 1:\n1\n"):
        Reader(directory=tmp_path, variables=dict(os.environ)).work_through(blocks_of(page, tmp_path))


def test_a_refusal_that_nobody_shows_is_noticed(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("""```bash\necho '{"status":"failure","error":{"code":"8001"}}'\n```\n""")

    with pytest.raises(AssertionError, match=r"page\.md:1 was refused"):
        Reader(directory=tmp_path, variables=dict(os.environ)).work_through(blocks_of(page, tmp_path))


def test_the_demo_has_no_faults_left_when_a_page_is_done(demo: DemoThread):
    with contextlib.closing(urllib.request.urlopen(f"{demo.sandbox_url}/sandbox/faults", timeout=10)) as answer:
        assert [] == json.loads(answer.read())["faults"]
