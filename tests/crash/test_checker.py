"""The checker's own controls: what a broken gateway would leave behind turns a claim red."""

from tests.crash.checker import check
from tests.crash.evidence import Attempt, Evidence, Message


def evidence_of(*attempts: Attempt, releases: int = 0, promised: tuple[str, ...] = ()) -> Evidence:
    ids = sorted({attempt.message_id for attempt in attempts})
    return Evidence(
        messages=[Message(one, one, "s", "12025550143", 90, None, 1, releases, None) for one in ids],
        attempts=list(attempts),
        promised_by_keys=list(promised),
        acceptances=[],
        refused_upstream=[],
        deliveries=[],
        written_by_phones=set(),
    )


def attempt(message_id: str, number: int, outcome: str | None, *, at_us: int, ended_at_us: int | None) -> Attempt:
    return Attempt(message_id, number, outcome, None, None, "s", at_us, ended_at_us)


def test_a_second_attempt_beside_an_open_or_unreleased_one_is_found() -> None:
    second = attempt("a", 2, "accepted", at_us=5_000_000, ended_at_us=6_000_000)
    for outcome, ended_at_us, releases, is_sound in (
        (None, None, 0, False),
        ("accepted", 1_000_000, 0, False),
        ("in_doubt", 1_000_000, 0, False),
        ("in_doubt", 1_000_000, 1, True),
        ("transient", 1_000_000, 0, True),
        ("transient", 5_500_000, 0, False),
    ):
        first = attempt("a", 1, outcome, at_us=0, ended_at_us=ended_at_us)
        findings, _ = check([], {}, evidence_of(first, second, releases=releases))

        assert (findings.overlapping_attempts == []) == is_sound, (outcome, ended_at_us, releases)


def test_a_second_burst_is_found() -> None:
    def starts(count: int, *, from_us: int) -> list[Attempt]:
        return [attempt(f"m-{from_us}-{n}", 1, "accepted", at_us=from_us, ended_at_us=from_us) for n in range(count)]

    for second_at_us, is_sound in ((50_000, False), (120_000, True)):
        findings, _ = check([], {}, evidence_of(*starts(8, from_us=0), *starts(8, from_us=second_at_us)))

        assert (findings.too_fast == []) == is_sound


def test_a_key_without_its_message_is_found() -> None:
    first = attempt("a", 1, "accepted", at_us=0, ended_at_us=1)

    assert check([], {}, evidence_of(first, promised=("a",)))[0].halved == []
    assert check([], {}, evidence_of(first, promised=("a", "b")))[0].halved != []
