"""The document is OpenAPI 3.1, its examples are what its schemas say, and its links lead somewhere."""

import re
from types import SimpleNamespace

import jsonschema_rs
import pytest

from waypost.web.manage import build_manage_app
from waypost.web.openapi import build_openapi

METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture
def validator():
    """What checks a document against OpenAPI 3.1; importing it takes seconds, and each test process collects this."""
    from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

    return OPENAPI_31_VALIDATOR


def operations(document):
    return {
        operation["operationId"]: (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def bodies(document):
    """Yield (name, media type, content) of every body of the document."""
    for name, (_, _, operation) in operations(document).items():
        holders = [("request", operation.get("requestBody", {})), *operation["responses"].items()]
        for place, holder in holders:
            for media_type, content in holder.get("content", {}).items():
                yield f"{name} {place}", media_type, content
    for name, response in document["components"]["responses"].items():
        for media_type, content in response["content"].items():
            yield name, media_type, content


def test_the_document_is_open_api_3_1(document, validator):
    assert document["openapi"].startswith("3.1.")
    assert [] == [f"{list(error.instance_path)}: {error.message}" for error in validator.iter_errors(document)]
    assert all(set(methods) <= METHODS for methods in document["paths"].values())


def test_every_schema_is_a_schema(document):
    wrong = []
    for name, schema in document["components"]["schemas"].items():
        try:
            jsonschema_rs.meta.validate(schema)
        except jsonschema_rs.ValidationError as error:
            wrong.append((name, error.message))

    assert [] == wrong


def test_every_json_body_has_an_example_that_its_schema_allows(document):
    lacking, wrong = [], []
    for name, media_type, content in bodies(document):
        if not media_type.endswith("json") or content["schema"].get("format") == "binary":
            continue  # lines of JSON, and files, are no one JSON value
        if "example" not in content:
            lacking.append(name)
            continue
        validator = jsonschema_rs.Draft202012Validator(
            {**content["schema"], "components": document["components"]}, validate_formats=True
        )
        wrong += [
            (name, list(error.instance_path), error.message) for error in validator.iter_errors(content["example"])
        ]

    assert ([], []) == (lacking, wrong)


def test_no_answer_is_a_word_of_convenience(document):
    shown = [name for name, _, content in bodies(document) if re.search(r"'sample'", str(content.get("example")))]

    assert [] == shown


def test_every_link_leads_to_an_operation_and_finds_its_value_in_the_example(document):
    known, followed = operations(document), 0
    for name, (_, _, operation) in known.items():
        for answer in operation["responses"].values():
            for link in answer.get("links", {}).values():
                path, _, _ = known[link["operationId"]]
                (content,) = answer["content"].values()
                assert set(re.findall(r"\{(\w+)\}", path)) == set(link["parameters"])
                for expression in link["parameters"].values():
                    value = content["example"]
                    for part in expression.removeprefix("$response.body#/").split("/"):
                        value = value[part]
                    assert isinstance(value, str), (name, expression)
                followed += 1

    assert followed > 30


def test_every_operation_declares_how_it_refuses(document):
    for name, (path, _, operation) in operations(document).items():
        declared = set(operation["responses"])
        assert "default" not in declared, name
        assert {"403", "429", "503"} <= declared, name
        assert "{" not in path or "404" in declared, name


def test_the_served_document_is_the_same_but_for_its_address_and_version(document, served_document):
    aside = {"servers", "info"}

    assert {name: value for name, value in document.items() if name not in aside} == {
        name: value for name, value in served_document.items() if name not in aside
    }


def test_a_gateway_that_refuses_with_4xx_declares_them(validator):
    app = build_manage_app(SimpleNamespace())
    strict = build_openapi(app, version="1", server_url="http://127.0.0.1:8080", failure_http_status="4xx")
    answers = strict["paths"]["/api/v2/message/{id}"]["get"]["responses"]

    assert {"400", "404", "409", "422"} <= set(strict["paths"]["/api/v2/message/"]["post"]["responses"])
    assert 2 == len(answers["404"]["content"]["application/json"]["schema"]["anyOf"])
    assert "400" not in strict["paths"]["/api/v2/media/{id}"]["get"]["responses"]
    assert [] == list(validator.iter_errors(strict))
