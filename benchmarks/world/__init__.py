"""Everything around the gateway in one process: callers, the provider, and the customers' webhooks."""
