"""The handset: web pages that are the phones of the sandbox, live and to be used."""

from waypost.sandbox.handset.application import Handset

__all__ = ["Handset"]
