"""One gateway for all tests here that ask one, and its OpenAPI document."""

import json
import urllib.request

import pytest
from tests.openapi.house import open_house

from tools import openapi_document


@pytest.fixture(scope="session")
def house(tmp_path_factory):
    with open_house(tmp_path_factory.mktemp("house")) as house:
        yield house


@pytest.fixture(scope="session")
def document():
    return openapi_document.build()


@pytest.fixture(scope="session")
def served_document(house):
    with urllib.request.urlopen(f"{house.url}/openapi.json", timeout=30) as answer:
        return json.loads(answer.read())
