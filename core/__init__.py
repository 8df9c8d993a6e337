"""Policy without I/O: what every layer above may rely on."""
