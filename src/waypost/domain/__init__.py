"""The rules as data and functions: no I/O, no clock, no third-party import."""
