"""Entries of bulk sends for those who name a text or a template, not an entry: the contract's, without recipient."""

from collections.abc import Sequence
from typing import Any


def text_entry(text: str) -> dict[str, Any]:
    """Return the entry of a text, in which ``{{column}}`` stands for a row's field."""
    return {"message_type": "text", "type_text": [{"content": text}]}


def template_entry(name: str, *, language: str, columns: Sequence[str]) -> dict[str, Any]:
    """Return the entry of a template whose values are these columns, in the order of its variables."""
    content: dict[str, Any] = {"name": name, "language": {"locale": language}}
    if columns:
        content["attributes"] = ["{{" + column + "}}" for column in columns]
    return {"message_type": "template", "type_template": [content]}
