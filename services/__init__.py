"""Use cases: what Lectern does for people, told without HTTP, GraphQL or SQL."""
