"""The web console: what happened to which message, and everything that can be set up, for people."""
