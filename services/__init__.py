"""Use cases of Lectern, free of HTTP, GraphQL and SQL."""
