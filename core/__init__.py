"""Policy that every layer above relies on; it reaches neither network nor database."""
