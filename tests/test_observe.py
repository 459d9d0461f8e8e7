"""Logs say what happened without saying whose; metrics keep their promises about labels."""

import asyncio
import io
import json
import logging
import os
import pty
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import structlog

from tools import metrics_docs
from waypost.observe import Metrics, configure_logging, get_logger, keep_pseudonyms, mask_number
from waypost.observe.logs import LogSink
from waypost.observe.redaction import MASK, SECRET_FIELDS, Redactor

NUMBER = "12025550123"


@pytest.fixture
def lines(tmp_path: Path) -> Iterator[Callable[[], list[dict[str, object]]]]:
    """Log to a file and return a function that reads what is in it by now."""
    root = logging.getLogger()
    level_before = root.level
    handlers_before = list(root.handlers)
    config_before = structlog.get_config()
    with (tmp_path / "log").open("w") as stream:
        configure_logging(log_format="json", level="debug", stream=stream)
        keep_pseudonyms(b"k")
        yield lambda: [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    structlog.configure(**config_before)
    root.handlers[:] = handlers_before
    root.setLevel(level_before)


def test_a_line_has_event_level_time_component_and_fields(lines):
    get_logger("accept").info("message.accepted", count=3, ids=("a", "b"), state=None, ok=True, share=0.5)

    [line] = lines()
    assert line.pop("time").endswith("Z")
    assert line == {
        "event": "message.accepted",
        "level": "info",
        "component": "accept",
        "count": 3,
        "ids": ["a", "b"],
        "state": None,
        "ok": True,
        "share": 0.5,
    }


@pytest.mark.parametrize("name", sorted(SECRET_FIELDS))
def test_a_field_known_to_hold_content_or_secrets_is_never_written(name: str, lines):
    get_logger().warning(
        "x", **{name: "canary-canary", name.upper(): {"a": "canary-canary"}, "in": [{name: b"canary"}]}
    )

    [line] = lines()
    assert (line[name], line[name.upper()], line["in"]) == (MASK, MASK, [{name: MASK}])


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer canary",
        "GET /me?access_token=canary&x=1",
        '{"app_secret": "canary"}',
        "password = 'canary'",
        "refused EAAcanaryAAAABBBBCCCCDDDDEEEE",
    ],
)
def test_shapes_of_secrets_are_masked_inside_any_text(text: str, lines):
    get_logger().info(text, detail=text, nested={"deep": [text]})

    assert "canary" not in str(lines())
    assert lines()[0]["detail"].count(MASK) == 1


@pytest.mark.parametrize("shape", [NUMBER, f"+{NUMBER}", f"to {NUMBER}.", f"{NUMBER}@s.test", f"wa_id={NUMBER}"])
def test_phone_numbers_become_pseudonyms_inside_any_text(shape: str, lines):
    get_logger().info("x", detail=shape, recipient=NUMBER, phone=12025550123)

    [line] = lines()
    assert NUMBER not in str(line)
    assert line["recipient"] == line["phone"] == mask_number(NUMBER)
    assert mask_number(NUMBER) in line["detail"]


def test_a_row_that_a_database_refuses_is_not_repeated(postgres_cluster, lines):
    content = "dear\n\nfriend"
    with psycopg.connect(postgres_cluster.url()) as connection:
        connection.execute("CREATE TEMP TABLE kept (content text, CHECK (length(content) < 3))")
        try:
            connection.execute("INSERT INTO kept VALUES (%s)", [content])
        except psycopg.errors.CheckViolation:
            get_logger("store").exception("refused")
            connection.rollback()

    [line] = lines()
    assert "violates check constraint" in line["exception"]
    assert "friend" not in str(line)
    assert "dear" not in str(line)


def test_numbers_and_secrets_in_tracebacks_are_masked(lines):
    def fail() -> None:
        raise ValueError(f"cannot send to {NUMBER} with Bearer canary")

    try:
        fail()
    except ValueError:
        get_logger().exception("defect", error=ValueError(NUMBER))

    [line] = lines()
    assert "ValueError: cannot send to" in line["exception"]
    assert NUMBER not in str(line)
    assert "Bearer canary" not in str(line)


def test_ids_times_and_short_numbers_are_left_alone(lines):
    fields = {
        "message_id": "01234567-89ab-7def-8123-123456789012",
        "at_us": 1_764_000_000_000_000,
        "code": "131047",
        "number": 7,
        "text_length": 5,
    }

    get_logger().info("x", **fields)

    [line] = lines()
    assert {name: line[name] for name in fields} == {**fields, "number": "7"}


def test_a_pseudonym_is_stable_keyed_and_shows_two_digits():
    one, other = Redactor(b"one"), Redactor(b"other")

    assert one.mask_number(NUMBER) == one.mask_number(f"+{NUMBER}") == Redactor(b"one").mask_number(NUMBER)
    assert one.mask_number(NUMBER) != other.mask_number(NUMBER)
    assert one.mask_number(NUMBER) != one.mask_number("12025550223")
    assert one.mask_number(NUMBER).endswith("..23")
    assert one.redact_text(one.mask_number(NUMBER)) == one.mask_number(NUMBER)


def test_a_line_break_in_a_value_stays_one_record(lines):
    get_logger().info("x", detail='a\n{"event": "forged"}\r\nb')

    assert [line["event"] for line in lines()] == ["x"]


def test_values_that_json_cannot_hold_do_not_break_the_line(lines):
    deep: dict[str, object] = {}
    inner = deep
    for _ in range(50):
        inner["a"] = inner = {}

    get_logger().info("x", path=Path("/p"), raw=b"12345", deep=deep, whole={3: 2**70}, text_like="\ud800")

    [line] = lines()
    assert (line["path"], line["raw"]) == ("/p", "[5 bytes]")
    assert MASK in str(line["deep"])


def test_libraries_log_through_the_same_redaction(lines):
    logging.getLogger("some.library").warning("could not reach %s", NUMBER)
    logging.getLogger("some.library").info("chatter")
    try:
        raise ValueError(NUMBER)
    except ValueError:
        logging.getLogger("some.library").exception("failed")

    first, second = lines()
    assert (first["event"], first["logger"], first["level"]) == ("library.logged", "some.library", "warning")
    assert NUMBER not in str([first, second])
    assert "ValueError" in second["exception"]


def test_the_level_is_obeyed_and_configuring_again_replaces(lines, tmp_path: Path):
    logger = get_logger()
    with (tmp_path / "second").open("w") as stream:
        configure_logging(log_format="json", level="warning", stream=stream)
        get_logger().info("quiet")
        logger.error("loud")
        logging.getLogger("library").error("once")

    assert lines() == []
    text = (tmp_path / "second").read_text()
    assert [json.loads(line)["event"] for line in text.splitlines()] == ["loud", "library.logged"]


@pytest.mark.parametrize(("log_format", "is_json"), [("auto", False), ("console", False), ("json", True)])
def test_a_terminal_gets_the_console_form_unless_told_otherwise(lines, log_format, is_json: bool):
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as stream:
        configure_logging(log_format=log_format, stream=stream)
        try:
            raise ValueError(NUMBER)
        except ValueError:
            get_logger("accept").exception("message.accepted", recipient=NUMBER)
        text = os.read(ours, 10_000).decode()
    os.close(ours)

    assert "message.accepted" in text
    assert NUMBER not in text
    assert text.startswith("{") is is_json


def test_fields_bound_to_the_task_are_on_its_lines_only(lines):
    async def work(name: str) -> None:
        structlog.contextvars.bind_contextvars(request_id=name)
        await asyncio.sleep(0)
        get_logger().info("x")

    async def both() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(work("a"))
            group.create_task(work("b"))

    asyncio.run(both())

    assert [line["request_id"] for line in lines()] == ["a", "b"]


def test_a_log_that_cannot_be_written_is_dropped_and_counted():
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    sink = LogSink(writing)

    sink.write(b"x" * 1_000_000)
    dropped_when_full = sink.dropped
    os.close(reading)
    sink.write(b"line\n")
    sink.flush()
    os.close(writing)

    assert (dropped_when_full, sink.dropped) == (1, 2)


def test_metrics_of_two_gateways_are_apart():
    one, other = Metrics(version="1"), Metrics(version="2")

    one.accept_messages.labels("text").inc(5)

    assert one.registry.get_sample_value("waypost_accept_messages_total", {"message_type": "text"}) == 5
    assert other.registry.get_sample_value("waypost_accept_messages_total", {"message_type": "text"}) is None
    assert b'waypost_build_info{version="2"} 1.0' in other.render()
    assert b"process_resident_memory_bytes" in other.render()


def test_every_metric_has_a_verbs_prefix_a_meaning_and_harmless_labels():
    allowed = {"message_type", "code", "state", "outcome", "kind", "end", "reason", "step", "version"}
    prefixes = ("accept", "dispatch", "receive", "notify", "media", "store", "http", "build")

    for name, _, labels, meaning in metrics_docs.list_metrics():
        assert name.startswith(tuple(f"waypost_{prefix}_" for prefix in prefixes)), name
        assert meaning.endswith("."), name
        assert set(labels) <= allowed, name


def test_the_document_of_metrics_is_current():
    assert metrics_docs.PATH.read_text(encoding="utf-8") == metrics_docs.render(), "run: make docs"


def test_logging_needs_a_real_stream():
    with pytest.raises(io.UnsupportedOperation):
        configure_logging(stream=io.StringIO())


def test_each_gauge_is_fed_from_one_module():
    feeders: dict[str, set[str]] = {}
    for path in Path("src/waypost").rglob("*.py"):
        for name in re.findall(r"metrics\.(\w+)(?:\.labels\([^)]*\))?\.set\(", path.read_text()):
            feeders.setdefault(name, set()).add(path.as_posix())

    assert {} == {name: paths for name, paths in feeders.items() if len(paths) > 1}
    assert {"dispatch_in_doubt", "notify_oldest_seconds", "notify_notifications"} <= feeders.keys()
