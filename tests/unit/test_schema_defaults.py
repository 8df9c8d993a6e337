"""Arguments with a default take an explicit null for it, in every kind of operation."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest
import strawberry
from graphql import GraphQLNonNull, Undefined, is_introspection_type

from resolvers.schema import build_schema
from schema.defaults import NullIsDefault, OptionalBool, OptionalInt


@strawberry.type
class Query:
    @strawberry.field(extensions=[NullIsDefault()])
    async def told(self, first: OptionalInt = 20, all: OptionalBool = False) -> str:
        return f"{first} {all}"


@strawberry.type
class Subscription:
    @strawberry.subscription(extensions=[NullIsDefault()])
    async def told(self, first: OptionalInt = 20) -> AsyncGenerator[str]:
        yield f"{first}"


SCHEMA = strawberry.Schema(Query, subscription=Subscription)


@pytest.mark.parametrize(
    ("query", "variables", "told"),
    [
        ("{ told }", {}, "20 False"),
        ("{ told(first: null, all: null) }", {}, "20 False"),
        ("query ($n: Int) { told(first: $n, all: true) }", {"n": None}, "20 True"),
        ("query ($n: Int) { told(first: $n) }", {}, "20 False"),
        ("{ told(first: 0) }", {}, "0 False"),
    ],
)
async def test_null_is_the_default(query: str, variables: dict[str, Any], told: str) -> None:
    result = await SCHEMA.execute(query, variable_values=variables)

    assert (result.errors, result.data) == (None, {"told": told})


@pytest.mark.parametrize(("first", "told"), [("null", "20"), ("3", "3")])
async def test_null_is_the_default_of_a_subscription(first: str, told: str) -> None:
    events = await SCHEMA.subscribe(f"subscription {{ told(first: {first}) }}")

    assert [event.data async for event in events] == [{"told": told}]


def test_wherever_an_argument_has_a_default() -> None:
    for type_ in build_schema()._schema.type_map.values():
        if is_introspection_type(type_):
            continue
        for name, field in getattr(type_, "fields", {}).items():
            for argument, definition in getattr(field, "args", {}).items():
                if definition.default_value not in (None, Undefined):
                    where = f"{type_.name}.{name}({argument})"
                    assert not isinstance(definition.type, GraphQLNonNull), where
                    extensions = field.extensions["strawberry-definition"].extensions
                    assert any(isinstance(e, NullIsDefault) for e in extensions), where
