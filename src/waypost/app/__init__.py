"""The only place that knows every part: opens what a process needs, in order, and wires it together."""

from waypost.app.processes import run_demo, run_serve

__all__ = ["run_demo", "run_serve"]
