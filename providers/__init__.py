"""The outside world: one Protocol and its real implementations for each part."""
