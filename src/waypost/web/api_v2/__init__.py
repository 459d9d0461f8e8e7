"""The v2 contract over HTTP: hot calls as plain ASGI, the others as small handlers."""
