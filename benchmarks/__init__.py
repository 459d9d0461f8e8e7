"""
Waypost against the ceilings of the machine it runs on: `python -m benchmarks --help`.

Each figure drives the gateway, as its own process, and beside it the least code that does the same to the same tables
and the same other side; the two take turns (A B A B ...), so that a noisy neighbour costs both the same.
"""
