"""The front door: HTTP, websockets and the command line."""
