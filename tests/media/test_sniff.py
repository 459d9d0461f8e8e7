"""What a file is, by its content; and which files are refused."""

import resource
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.media import samples
from tests.media.hostile import HOSTILE
from tests.media.samples import ACCEPTED

from waypost.domain.message import MediaKind
from waypost.media import sniff as sniffing
from waypost.media.sniff import MediaFacts, MediaFault, MediaProblem, check_media, sniff


@pytest.mark.parametrize("name", ACCEPTED)
@pytest.mark.parametrize("form", ["bytes", "path"])
def test_a_supported_file_is_known_by_its_content(name: str, form: str, tmp_path: Path):
    mime_type, kind, data = ACCEPTED[name]
    source: bytes | Path = data
    if form == "path":
        source = tmp_path / "misleading.exe"
        source.write_bytes(data)

    facts = check_media(source)

    assert isinstance(facts, MediaFacts), facts
    assert (facts.mime_type, facts.kind, facts.size_bytes) == (mime_type, MediaKind(kind), len(data))
    assert sniff(source) == (mime_type, MediaKind(kind))


def test_the_hostile_corpus_is_large_enough():
    assert len(HOSTILE) >= 120


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_with_its_reason(name: str):
    fault, data = HOSTILE[name]

    problem = check_media(data)

    assert isinstance(problem, MediaProblem), problem
    assert problem.fault is MediaFault(fault)
    assert len(problem.detail) < 200


@pytest.mark.parametrize("make", [samples.jpeg, samples.png, samples.webp])
def test_an_image_tells_its_size_in_pixels(make):
    facts = check_media(make(640, 480))

    assert isinstance(facts, MediaFacts)
    assert (facts.width, facts.height) == (640, 480)


@pytest.mark.parametrize("form", ["VP8 ", "VP8L"])
def test_a_plain_webp_tells_its_size_in_pixels(form: str):
    facts = check_media(samples.webp(512, 511, form=form))

    assert isinstance(facts, MediaFacts)
    assert (facts.width, facts.height, facts.is_animated) == (512, 511, False)


AT_THE_LIMIT = {
    "image": (samples.jpeg, sniffing.IMAGE_BYTES_MAX),
    "audio": (samples.amr, sniffing.AUDIO_BYTES_MAX),
    "video": (samples.mp4, sniffing.VIDEO_BYTES_MAX),
    "document": (samples.pdf, sniffing.DOCUMENT_BYTES_MAX),
    "sticker": (samples.webp, sniffing.STATIC_STICKER_BYTES_MAX),
    "animated sticker": (lambda: samples.webp(animated=True), sniffing.ANIMATED_STICKER_BYTES_MAX),
}


@pytest.mark.parametrize("name", AT_THE_LIMIT)
def test_a_file_may_have_its_kinds_limit_and_not_a_byte_more(name: str, tmp_path: Path):
    make, limit = AT_THE_LIMIT[name]
    path = tmp_path / "file"
    path.write_bytes(make())
    with path.open("r+b") as file:
        file.truncate(limit)
    assert isinstance(check_media(path), MediaFacts)

    with path.open("r+b") as file:
        file.truncate(limit + 1)
    problem = check_media(path)

    assert isinstance(problem, MediaProblem)
    assert problem.fault is MediaFault.TOO_LARGE
    assert (sniff(path) is not None) or name == "document"


def test_the_limits_are_the_providers():
    mebibyte = 1024 * 1024
    assert {kind.value: limit for kind, limit in sniffing.KIND_BYTES_MAX.items()} == {
        "image": 5 * mebibyte,
        "audio": 16 * mebibyte,
        "video": 16 * mebibyte,
        "document": 100 * mebibyte,
        "sticker": 500 * 1024,
    }
    assert sniffing.STATIC_STICKER_BYTES_MAX == 100 * 1024


@pytest.mark.parametrize("expected", list(MediaKind))
@pytest.mark.parametrize("name", ["jpeg", "mp3", "mp4", "pdf", "webp"])
def test_a_file_of_another_kind_than_promised_is_refused(expected: MediaKind, name: str):
    _, kind, data = ACCEPTED[name]

    found = check_media(data, expected=expected)

    if kind == expected.value:
        assert isinstance(found, MediaFacts)
    else:
        assert isinstance(found, MediaProblem)
        assert found.fault is MediaFault.WRONG_KIND


def test_a_missing_file_is_an_error(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        check_media(tmp_path / "absent")


def test_a_large_old_document_is_known_far_into_its_allocation_table():
    """The table's sectors past the 109th are named by a chain of their own: large presentations need it."""
    import struct

    small = samples.ole("Current User", "A", "B", "C", "PowerPoint Document")
    table, directory = small[512:1024], small[1024:]
    sectors_per_table = 128
    first = 200 * sectors_per_table
    chain = [first + number + 1 for number in range(len(directory) // 512 - 1)] + [0xFFFFFFFE]
    data = bytearray((first + len(chain) + 1) * 512)
    data[:512] = small[:512]
    data[48:52] = struct.pack("<I", first)
    data[68:72] = struct.pack("<I", 7)
    tables_in_header = struct.pack("<109I", *([3] * 109))
    data[76:512] = tables_in_header
    link = [3] * 127
    link[200 - 109] = 5
    data[8 * 512 : 9 * 512] = struct.pack("<128I", *link, 0xFFFFFFFE)
    data[6 * 512 : 6 * 512 + 4 * len(chain)] = struct.pack(f"<{len(chain)}I", *chain)
    data[(first + 1) * 512 : (first + 1) * 512 + len(directory)] = directory
    assert table

    assert sniff(bytes(data)) == ("application/vnd.ms-powerpoint", MediaKind.DOCUMENT)


@given(st.binary(max_size=200))
def test_any_bytes_are_judged(data: bytes):
    assert isinstance(check_media(data), MediaFacts | MediaProblem)


_GOOD = [data for _, _, data in ACCEPTED.values() if len(data) < 100_000]


@settings(max_examples=400)
@given(st.sampled_from(_GOOD), st.integers(0, 600), st.binary(min_size=1, max_size=8), st.integers(0, 700))
def test_any_damage_is_judged(data: bytes, place: int, damage: bytes, length: int):
    damaged = data[:place] + damage + data[place + len(damage) :]

    assert isinstance(check_media(damaged), MediaFacts | MediaProblem)
    assert isinstance(check_media(damaged[:length]), MediaFacts | MediaProblem)


def test_judging_takes_little_memory_however_large_the_file(tmp_path: Path):
    path = tmp_path / "large.txt"
    with path.open("wb") as file:
        for _ in range(96):
            file.write(b"0123456789abcdef" * 65536)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    assert isinstance(check_media(path), MediaFacts)

    grown_kibibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kibibytes < 64 * 1024
