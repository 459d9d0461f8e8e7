"""The HTTP edges: the v2 API, the manage API, the provider's webhooks."""
