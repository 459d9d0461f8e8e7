"""The collection holds every operation, and its requests do what the document says."""

import json
import re
import urllib.error
import urllib.parse
import urllib.request

import pytest

from tools import collection, docs

ABSENT = "01c17ac6-a3d0-7000-8000-0000000000ff"
# The source that the house begins with, as in the examples.
SOURCE_ID = "5c1d7e90-2b64-4f3a-a8d1-93e07c6b2f45"
PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c636000000002000148afa4710000000049454e44ae426082"
)


@pytest.fixture(scope="module")
def made(document):
    return json.loads(collection.render(document))


def requests_of(made):
    return [item["request"] for folder in made["item"] for item in folder["item"]]


def template_of(request):
    """Return the request's path as the document spells it."""
    return re.sub(r":(\w+)", r"{\1}", request["url"]["raw"].removeprefix("{{base_url}}"))


def test_the_collection_is_the_code_s(made):
    assert docs.COLLECTION.read_text(encoding="utf-8") == json.dumps(made, indent=1, ensure_ascii=False) + "\n", (
        "run: make docs"
    )


def test_the_collection_has_every_operation_once_and_its_variables(made, document):
    found = [(template_of(request), request["method"].lower()) for request in requests_of(made)]

    assert sorted(found) == sorted((path, method) for path, methods in document["paths"].items() for method in methods)
    assert collection.SCHEMA == made["info"]["schema"]
    assert ["base_url", "api_key"] == [variable["key"] for variable in made["variable"]]
    assert "{{api_key}}" == made["auth"]["bearer"][0]["value"]


def turn(request):
    """Return when a request is sent: what makes things first, what ends them last."""
    method, path = request["method"], template_of(request)
    ends = method == "DELETE" or path.endswith(("/revoke", "/disable", "/cancel", "/delete"))
    return (ends, method == "DELETE", method != "POST" or "{" in path, "{" in path, method != "GET")


class Sender:
    """Sends the collection's requests, and remembers the ids of what they make."""

    def __init__(self, house):
        self._house = house
        self._made = {"/manage/v1/sources": SOURCE_ID}

    def send(self, request):
        path = template_of(request)
        while "{" in path:
            path = re.sub(r"^([^{]*)/\{\w+\}", self._fill, path)
        query = [(one["key"], one["value"]) for one in request["url"].get("query", ()) if not one.get("disabled")]
        path += "?" + urllib.parse.urlencode(query) if query else ""
        body, headers = self._body(request)
        asked = urllib.request.Request(
            self._house.url + path,
            data=body,
            method=request["method"],
            headers={"Authorization": f"Bearer {self._house.key}", **headers},
        )
        try:
            with urllib.request.urlopen(asked, timeout=30) as answer:
                status, content = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                status, content = error.code, error.read()
        answered = json.loads(content) if content[:1] == b"{" else {}
        found = answered.get("data") if isinstance(answered.get("data"), dict) else answered
        made = found.get("id") or found.get("mediaId")
        if isinstance(made, str) and "{" not in template_of(request):
            self._made.setdefault(re.sub(r"/upload$", "", path.rstrip("/")), made)
        if "items" in answered and answered["items"] and "id" in answered["items"][0]:
            self._made.setdefault(path, answered["items"][0]["id"])
        return status, answered

    def _fill(self, match):
        return f"{match[1]}/{self._made.get(match[1], ABSENT)}"

    def _body(self, request):
        headers = {header["key"]: header["value"] for header in request["header"] if not header.get("disabled")}
        body = request.get("body")
        if body is None:
            return None, headers
        if body["mode"] == "raw":
            return body["raw"].encode(), headers
        parts = [
            b'--b\r\nContent-Disposition: form-data; name="%s"; filename="p.png"\r\nContent-Type: image/png\r\n\r\n%s\r\n'
            % (part["key"].encode(), PICTURE)
            if part["type"] == "file"
            else b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
            % (part["key"].encode(), part["value"].encode())
            for part in body["formdata"]
        ]
        return b"".join(parts) + b"--b--\r\n", {**headers, "Content-Type": "multipart/form-data; boundary=b"}


def test_every_request_of_the_collection_is_answered_as_declared(made, document, house):
    sender, refused, undeclared = Sender(house), [], []
    requests = sorted(requests_of(made), key=turn)
    for request in requests:
        path, method = template_of(request), request["method"].lower()
        status, answered = sender.send(request)
        if status >= 500 or str(status) not in document["paths"][path][method]["responses"]:
            undeclared.append((method, path, status, answered))
        if status >= 400 or answered.get("status") == "failure":
            refused.append((method, path, status, answered))

    assert [] == undeclared
    assert len(refused) < len(requests) / 3, "\n".join(str(one) for one in refused)
