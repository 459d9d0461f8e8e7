from tests.outbound.conftest import authority, server_tls
from tests.outbound.tracing import _trace, connects

__all__ = ["_trace", "authority", "connects", "server_tls"]
