"""Write the documents that are generated from the code: `make docs`."""

from collections.abc import Iterator
from pathlib import Path

from tools import collection, metrics_docs, openapi_document, reference_docs, settings_docs
from tools.environment import ROOT

API = ROOT / "docs" / "api"
COLLECTION = ROOT / "docs" / "collection" / "waypost.postman_collection.json"
_ABOUT = """## The collection

All of these as a collection: [waypost.postman_collection.json](../collection/waypost.postman_collection.json).
Postman imports it (*Import*), and so does [Bruno](https://www.usebruno.com) (*Import Collection*, *Postman
Collection*). Set its variables `base_url` and `api_key`; ids in paths are variables of each request.

The document that it is made from is `GET /openapi.json` of a running gateway; `GET /docs` shows it as a page.
"""


def generated() -> Iterator[tuple[Path, str]]:
    """Yield every generated document: where it stands, and what it says."""
    for document in (settings_docs, metrics_docs):
        yield document.PATH, document.render()
    openapi = openapi_document.build()
    for name, text in reference_docs.render(openapi, about=_ABOUT).items():
        yield API / name, text
    yield COLLECTION, collection.render(openapi)


if __name__ == "__main__":
    written = set()
    for path, text in generated():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        written.add(path)
        print(f"wrote {path}")
    for left_over in set(API.glob("*.md")) - written:
        left_over.unlink()
        print(f"removed {left_over}")
