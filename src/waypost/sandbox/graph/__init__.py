"""The Graph API as the sandbox plays it."""
