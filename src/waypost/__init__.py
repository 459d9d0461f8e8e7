"""Waypost: a self-hosted WhatsApp Business gateway."""
