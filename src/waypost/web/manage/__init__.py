"""The manage API under ``/manage/v1``: accounts, keys, sources, messages, webhooks, and what there is to see."""
