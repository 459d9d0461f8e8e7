"""Receive: what upstream reports, kept with all that follows from it in one transaction."""
