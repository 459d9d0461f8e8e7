"""Meta's WhatsApp Cloud API: the only place that knows its JSON and its codes."""
