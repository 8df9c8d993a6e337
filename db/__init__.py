"""All SQL: one repository module per noun, each a set of functions over a session."""
