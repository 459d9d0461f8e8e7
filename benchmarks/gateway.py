"""The gateway as a process of its own: settings as JSON in the first argument, the rest is `waypost serve`."""

import sys

import orjson

from waypost.app import run_serve
from waypost.settings import Settings

settings = Settings(**orjson.loads(sys.argv[1]))
sys.exit(run_serve(settings, frozenset(settings.roles)))
