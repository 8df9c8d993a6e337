"""Documents into searchable passages: what workers alone do."""
