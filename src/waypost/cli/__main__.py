"""``python -m waypost.cli``."""

from waypost.cli import main

main()
