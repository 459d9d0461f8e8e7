"""Dispatching: paced, in order, never twice without proof that the first time failed."""
