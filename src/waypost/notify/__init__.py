"""Telling subscribers: signed webhooks, in order per message, again until they are acknowledged."""
