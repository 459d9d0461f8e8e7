"""The OpenAPI document and the page made from it."""

from html.parser import HTMLParser

from tests.manage.conftest import Api

from waypost.web.auth import SCOPES
from waypost.web.contract_openapi import scoped_name
from waypost.web.manage.guarding import PREFIX
from waypost.web.openapi import operations_of


async def test_the_document_covers_both_apis_and_needs_no_key(api: Api) -> None:
    answer = await api.get("/openapi.json", key=None)

    document = answer.json
    assert (200, "application/json") == (answer.status, answer.headers["Content-Type"])
    assert document["openapi"].startswith("3.")
    for path in ("/api/v2/message/", "/api/v2/media/{id}", f"{PREFIX}/webhooks", f"{PREFIX}/messages/search"):
        assert path in document["paths"]


async def test_every_operation_has_a_name_of_its_own_a_scope_and_an_answer(api: Api) -> None:
    document = (await api.get("/openapi.json", key=None)).json
    operations = list(operations_of(document["paths"]))
    names = [operation["operationId"] for _, _, operation in operations]

    assert len(names) == len(set(names))
    for _, _, operation in operations:
        assert SCOPES[scoped_name(operation["operationId"])] == operation["x-scope"]
        assert operation["summary"]
        assert any(status.startswith("2") for status in operation["responses"])


async def test_every_reference_leads_somewhere(api: Api) -> None:
    document = (await api.get("/openapi.json", key=None)).json
    references: list[str] = []

    def collect(value: object) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                if name == "$ref":
                    references.append(inner)
                collect(inner)
        elif isinstance(value, list):
            for inner in value:
                collect(inner)

    collect(document)

    components = document["components"]
    known = {f"#/components/{kind}/{name}" for kind in ("schemas", "responses") for name in components[kind]}
    assert references
    assert set(references) <= known
    assert "HTTPValidationError" not in components["schemas"]


async def test_the_answers_of_the_manage_api_are_closed(api: Api) -> None:
    document = (await api.get("/openapi.json", key=None)).json
    schemas = document["components"]["schemas"]
    ours = [name for name in schemas if name.endswith("View") or name.startswith("Listing")]

    assert len(ours) > 15
    assert all(schemas[name]["additionalProperties"] is False for name in ours)
    for name in ours:
        members = set(schemas[name]["properties"])
        assert not members & {"access_token", "app_secret", "secret_hash", "headers", "account_id"}, name


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.tags: set[str] = set()
        self.anchors: set[str] = set()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.add(tag)
        self.anchors.add(values.get("id") or "")
        if tag not in {"meta", "link"}:
            self.open.append(tag)
        for name in ("src", "href"):
            if values.get(name):
                self.loaded.append(values[name] or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


async def test_the_page_works_without_a_network_and_without_scripts(api: Api) -> None:
    answer = await api.get("/docs", key=None)
    style = await api.get("/docs/style.css", key=None)
    page = _Links()
    page.feed(answer.body.decode())

    assert (200, 200) == (answer.status, style.status)
    assert "script" not in page.tags
    assert [] == page.open
    assert all(link.startswith(("#", "/docs/style.css", "/openapi.json")) for link in page.loaded)
    assert {link[1:] for link in page.loaded if link.startswith("#")} <= page.anchors
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert style.headers["Content-Type"].startswith("text/css")
    assert b"http" not in style.body


async def test_the_page_shows_every_operation_with_a_call_to_paste(api: Api) -> None:
    document = (await api.get("/openapi.json", key=None)).json
    page = (await api.get("/docs", key=None)).body.decode()

    for path, _, operation in operations_of(document["paths"]):
        assert path in page
        assert operation["x-scope"] in page
    assert page.count("curl") >= len(list(operations_of(document["paths"])))
    assert "recipient_whatsapp" in page
