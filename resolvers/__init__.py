"""What each field of the schema does."""
