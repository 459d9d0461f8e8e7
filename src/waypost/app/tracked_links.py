"""The maker of tracked links, the same on every node of one database."""

from waypost.app.foundation import Foundation
from waypost.domain.links import LinkTracker
from waypost.domain.mac import hmac_sha256_hex


def open_links(foundation: Foundation) -> LinkTracker | None:
    """Return it with a key of its own; None while no URL for links is set."""
    base_url = foundation.settings.links.base_url
    if base_url is None:
        return None
    key = hmac_sha256_hex(foundation.token_key, b"tracked links").encode()
    return LinkTracker(base_url=base_url, key=key)
