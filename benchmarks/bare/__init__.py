"""
The ceilings: the least that does the same work with the same libraries, tables and flushes.

No keys are checked, no rules asked, nothing is limited, counted or logged. What is written is written in groups by a
thread, as the gateway does it, since a commit for each would be slower by ten times.
"""
