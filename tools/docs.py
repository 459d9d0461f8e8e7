"""Write the documents that are generated from the code: `make docs`."""

from tools import metrics_docs, settings_docs

if __name__ == "__main__":
    for document in (settings_docs, metrics_docs):
        document.PATH.parent.mkdir(exist_ok=True)
        document.PATH.write_text(document.render(), encoding="utf-8")
        print(f"wrote {document.PATH}")
