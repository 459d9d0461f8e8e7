"""Accepting messages: judged, then kept, before anybody is told yes."""
