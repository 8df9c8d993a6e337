"""The operator: the `lectern` command line, the embedded servers and their supervision."""
