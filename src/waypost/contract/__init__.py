"""The v2 wire shapes and nothing else: bytes in to domain values, domain values out to bytes, every code and text."""
