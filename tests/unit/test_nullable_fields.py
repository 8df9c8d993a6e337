"""An error takes the nearest nullable field with it, so those that may fail are nullable."""

from graphql import GraphQLObjectType, is_non_null_type

from resolvers.schema import build_schema

SCHEMA = build_schema()._schema
INFALLIBLE = ("Subscription", "Page")
"""A subscription has one root field; the slice of a page is clamped."""


def fallible() -> dict[str, object]:
    """Types of all fields of queries and mutations, and of those below that take pages or keys."""
    fields = {}
    for name, type_ in SCHEMA.type_map.items():
        if isinstance(type_, GraphQLObjectType) and not name.startswith("__"):
            for field_name, field in type_.fields.items():
                if name in ("Query", "Mutation") or (field.args and name not in INFALLIBLE):
                    fields[f"{name}.{field_name}"] = field.type
    return fields


def test_what_may_fail_takes_neither_siblings_nor_the_result_of_a_write() -> None:
    fields = fallible()
    assert {"Query.documents", "Mutation.login", "Conversation.messages"} <= fields.keys()
    assert [name for name, type_ in fields.items() if is_non_null_type(type_)] == []
