"""Figures, lists and exports of what happened to messages, and the links that were clicked."""
