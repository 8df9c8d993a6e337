"""The front door: HTTP, websockets and event streams."""
