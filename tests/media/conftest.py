from tests.media.supplying import media_house
from tests.outbound.conftest import authority, server_tls
from tests.outbound.tracing import _trace, connects

__all__ = ["_trace", "authority", "connects", "media_house", "server_tls"]
