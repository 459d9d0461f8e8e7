"""Requests that somebody made up from the document, and stories of them: every answer is one that it declares."""

from tests.openapi.run import fuzz

EXAMPLES = 3
SECONDS_MAX = 900.0
CHECKS = {
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "ignored_auth",
}


def test_every_answer_to_every_made_up_request_is_declared(house, served_document, tmp_path):
    count = sum(len(methods) for methods in served_document["paths"].values())

    run = fuzz(house, tmp_path, examples=EXAMPLES, seconds_max=SECONDS_MAX)

    report = run.report
    assert run.code == 0, run.output
    assert ([], []) == (report["failures"], report["errors"]), run.output
    assert {"total": count, "tested": count} == {name: report["operations"][name] for name in ("total", "tested")}
    assert {"success"} == {phase["status"] for phase in report["phases"].values()}
    assert {"examples", "coverage", "fuzzing", "stateful"} == set(report["phases"])
    # The key was in force to the end: else the rest was asked of a closed door.
    assert [] == report["warnings"]["missing_auth"], run.output
