"""Attachments: what their bytes are, and how they are fetched and supplied upstream."""
