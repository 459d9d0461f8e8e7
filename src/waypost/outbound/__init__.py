"""Outgoing HTTP: where we may connect, one request interface, and the two clients that carry it."""
