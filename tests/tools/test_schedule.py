"""The order of the tests: every process has its share of what takes long, and begins with it."""

from tools.environment import ROOT
from tools.schedule import in_order

STORIES = [ROOT / f"tests/gateway/test_{letter}.py" for letter in "abcdefg"]
KILL = ROOT / "tests/crash/test_kill.py"
PARTS = [ROOT / f"tests/domain/test_{letter}.py" for letter in "ab"]
# Three tests in each file of a story, one in the longest, twenty in each of parts.
FILES = [*(file for file in STORIES for _ in range(3)), KILL, *(file for file in PARTS for _ in range(20))]


def test_each_share_begins_with_its_stories_the_longest_first_and_none_is_lost_or_doubled():
    ordered = in_order(FILES, shares=2)

    assert sorted(ordered) == list(range(len(FILES)))
    half = len(FILES) // 2
    first, second = ([FILES[position] for position in share] for share in (ordered[:half], ordered[half:]))
    assert first[0] == KILL
    assert [file in PARTS for file in first] == [False] * 10 + [True] * 21
    assert [file in PARTS for file in second] == [False] * 12 + [True] * 19


def test_tests_of_a_file_and_files_of_parts_stay_neighbours():
    ordered = in_order(FILES, shares=3)

    assert [position for position in ordered if FILES[position] in PARTS] == list(range(22, 62))
    for file in STORIES:
        own = [place for place, position in enumerate(ordered) if FILES[position] == file]
        assert own == list(range(own[0], own[0] + 3))


def test_more_stories_than_a_share_holds_leave_no_test_out():
    assert sorted(in_order(FILES[:23], shares=4)) == list(range(23))
