"""
Bounds of the Cloud API, and our own on what we read of it.

Each outside figure names the page and the month in which it was read.
"""

from typing import Final

WEBHOOK_BODY_BYTES_MAX: Final = 4_000_000
"""The provider promises at most 3 MB (webhooks overview, Sep 2026); the rest is room for its mistakes."""

MEDIA_HOSTS: Final = ("fbsbx.com", "facebook.com")
"""Download URLs point below these names (``lookaside.fbsbx.com`` observed, 2025); no other host gets our bearer."""

ANSWER_BYTES_MAX: Final = 64 * 1024
"""Answers to sends and look-ups have a few hundred bytes; larger ones are not the provider's."""

IDENTIFIER_CHARACTERS_MAX: Final = 512
"""Message ids are opaque and observed below 100 characters; storage takes at least 128 (messages reference)."""

DETAIL_CHARACTERS_MAX: Final = 300
"""Of an error's text we keep this much."""

TIMESTAMP_SECONDS_MAX: Final = 99_999_999_999
"""Timestamps in webhooks are strings of seconds; a greater number is no time."""
