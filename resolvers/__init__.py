"""Resolvers: how each field of the schema gets its value."""
