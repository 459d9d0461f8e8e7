"""Those who carry messages for us."""
