"""Templates of the management paths, beside what the golden files show."""

import orjson
import pytest

from waypost.contract.errors import ContractRefusal
from waypost.contract.languages import LANGUAGES, codes_of
from waypost.contract.template_management import TemplateDefinition, parse_template_creation
from waypost.contract.template_queries import source_of_query, type_of

BODY = {"type": "BODY", "text": "x"}


def test_a_definition_reaches_upstream_as_it_came_with_what_was_added():
    given = {"name": "x", "language": "en", "category": "utility", "components": [BODY], "allow_category_change": True}

    made = parse_template_creation(orjson.dumps(given | {"source": "417-220", "unknown": 1}))

    assert isinstance(made, TemplateDefinition)
    assert given | {"category": "UTILITY"} == made.upstream


@pytest.mark.parametrize(
    ("components", "kind"),
    [
        ([BODY], "text"),
        ([{"type": "header", "format": "text", "text": "x"}, BODY], "text"),
        ([{"type": "HEADER"}, BODY], "text"),
        ([{"type": "Header", "format": "Image"}, BODY], "media"),
        ([BODY, {"type": "carousel", "cards": []}], "carousel"),
        ([], "text"),
    ],
)
def test_what_a_template_mainly_is_follows_from_its_components(components, kind):
    assert kind == type_of(components)


def test_the_source_of_a_query_is_the_default_where_it_is_blank():
    assert [None, None, "417-220"] == [source_of_query(query) for query in ({}, {"source": " "}, {"source": "417-220"})]


def test_a_language_is_meant_by_name_or_code_without_case():
    assert ("en_US",) == codes_of("english (us)") == codes_of("EN_us")
    assert ("en",) == codes_of("en")
    assert {code for code in LANGUAGES if code == "en" or code.startswith("en_")} == set(codes_of("English"))
    assert ("xx",) == codes_of(" xx ")


def test_what_is_no_json_is_refused_everywhere():
    from waypost.contract.template_management import (
        parse_template_deletion,
        parse_template_edit,
        parse_wrapped_creation,
    )
    from waypost.contract.webhook_management import parse_webhook_update

    for parse in (
        parse_template_creation,
        parse_template_deletion,
        parse_template_edit,
        parse_webhook_update,
        parse_wrapped_creation,
    ):
        refusal = parse(b"{")
        assert isinstance(refusal, ContractRefusal)
        assert "8001" == refusal.error.code
