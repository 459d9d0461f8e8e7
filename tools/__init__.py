"""What the Makefile calls. `environment`, `run` and `test` use nothing but the standard library."""
