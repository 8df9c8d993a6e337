"""Whatever an argument holds, an answer says what is wrong with it: never that we are."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from functools import partial
from typing import Any

import pytest
from graphql import (
    GraphQLInputType,
    GraphQLNamedType,
    GraphQLObjectType,
    get_named_type,
    is_enum_type,
    is_input_object_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_union_type,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from starlette.requests import HTTPConnection

from core.errors import InvalidInput
from core.ids import Kind, encode_id, new_id
from core.principal import Principal
from core.settings import Settings
from resolvers.context import Context
from resolvers.schema import build_schema
from server.asgi import response_memory
from server.encoding import decode_json, encode_json
from server.operations import Executor, OperationRequest
from server.results import result_body
from server.validation import CachedDocuments
from services.container import Services
from services.uploads import Upload

SCHEMA = build_schema([partial(CachedDocuments)])
ROOTS = {
    kind: root
    for kind, root in (
        ("query", SCHEMA._schema.query_type),
        ("mutation", SCHEMA._schema.mutation_type),
        ("subscription", SCHEMA._schema.subscription_type),
    )
    if root is not None
}
PATHS = [
    *((kind, name) for kind, root in ROOTS.items() for name in root.fields),
    ("query", "document.page"),
    ("query", "conversation.messages"),
]
SECONDS = 0.2
"""How long a subscription is listened to."""

TEXTS = [
    "",
    " ",
    "\0",
    "\ud800",
    "a\0b",
    "%",
    "_",
    "\\",
    "'",
    '"; DROP TABLE users; --',
    "{}",
    "\u202e",
    "\u1c89@example.org",
    "\ua7cb@example.org",
    "\U00010d50@example.org",
    "a@b@c.org",
    "x@.",
    "x@..",
    "İ@example.org",
    "\r\nBcc:x@example.org",
    "e" * 20_000,
    "\U0001f9a9" * 300,
    "١",
    "2027-01-31",
    "../../etc/passwd",
    "NaN",
    "lrt_x_y_z",
    f"lrt_{'0' * 32}_{'0' * 32}_x",
    "user_",
    "doc_" + "g" * 32,
    "MDAwMS0wMS0wMVQwMDowMDowMCsxNDowMHwwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMA==",
    "MA==",
    "é",
]
NUMBERS = [
    0,
    -1,
    1,
    100,
    101,
    2**31 - 1,
    -(2**31),
    2**31,
    2**63,
    10**400,
    1.5,
    1e308,
    True,
    "1",
    [],
]
MOMENTS = [
    "2027-12-31T23:59:59",
    "2027-01-31",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "2027-W01-1",
    "24:00",
    "",
    0,
    1e20,
    "now",
    "2027-02-30T00:00:00Z",
    "2027-01-31T12:00:00Z",
    "infinity",
    "-4713-01-01T00:00:00Z",
]
FILES = ["x", {}, [], 1, {"filename": "x"}]


def hostile(type_: GraphQLInputType, known: list[str]) -> SearchStrategy[Any]:
    """Values for an argument, many of them none of its type."""
    if is_non_null_type(type_):
        return hostile(type_.of_type, known)
    if is_list_type(type_):
        item = hostile(type_.of_type, known)
        return st.one_of(st.none(), item, st.lists(item, max_size=4))
    if is_input_object_type(type_):
        fields = {name: hostile(field.type, known) for name, field in type_.fields.items()}
        whole = st.fixed_dictionaries(fields)
        return st.one_of(whole, whole, st.fixed_dictionaries({}, optional=fields), st.text())
    if is_enum_type(type_):
        return st.one_of(st.sampled_from(list(type_.values)), st.text(), st.integers())
    any_text = st.text(st.characters(exclude_categories=()), max_size=300)
    values: dict[str, list[Any]] = {
        "Int": NUMBERS,
        "Boolean": [True, False, "true", 1],
        "DateTime": MOMENTS,
        "Upload": FILES,
    }
    sampled = st.sampled_from(values.get(str(type_), [*TEXTS, *known]))
    broad = st.integers() if str(type_) == "Int" else any_text
    sound = st.sampled_from(["moon", *known]) if str(type_) in ("String", "ID") else sampled
    return st.one_of(sound, sampled, sound, broad, st.none())


def selection(type_: GraphQLNamedType, depth: int = 3) -> str:
    """Every field below that needs no argument."""
    if is_leaf_type(type_):
        return ""
    parts = ["__typename"]
    if is_union_type(type_):
        parts += [f"... on {member} {selection(member, depth)}" for member in type_.types]
    elif isinstance(type_, GraphQLObjectType):
        for name, field in type_.fields.items():
            inner = get_named_type(field.type)
            needed = any(is_non_null_type(arg.type) for arg in field.args.values())
            if not needed and (is_leaf_type(inner) or depth > 1):
                parts.append(f"{name} {selection(inner, depth - 1)}")
    return "{ " + aliased(parts) + " }"


def aliased(parts: list[str]) -> str:
    """Members of a union may give one name to fields of other types, which GraphQL refuses."""
    return " ".join(dict.fromkeys(parts))


def operation(kind: str, path: str) -> tuple[str, dict[str, GraphQLInputType]]:
    """A document that asks for the field with all its arguments as variables, and their types."""
    *outer, name = path.split(".")
    root: Any = ROOTS[kind]
    before, after = "", ""
    for step in outer:
        before += f'{step}(id: "%({step})s") {{ '
        after += " }"
        root = get_named_type(root.fields[step].type)
    field = root.fields[name]
    types = {argument: arg.type for argument, arg in field.args.items()}
    declared = ", ".join(f"${argument}: {type_}" for argument, type_ in types.items())
    given = ", ".join(f"{argument}: ${argument}" for argument in types)
    head = f"{kind} ({declared})" if declared else kind
    call = f"{name}({given})" if given else name
    below = selection(get_named_type(field.type), 2)
    return f"{head} {{ {before}{call} {below}{after} }}", types


@pytest.fixture
async def known(services: Services, principal: Principal) -> dict[str, str]:
    """Ids of things that exist, by their kind."""

    async def content() -> AsyncIterator[bytes]:
        yield b"The moon cam sits behind the driver."

    uploaded = await services.uploads.upload(principal, Upload("tides.txt", None, content()))
    conversation = await services.conversations.create(principal, "Tides")
    return {
        "document": encode_id(Kind.DOCUMENT, uploaded.document.id),
        "conversation": encode_id(Kind.CONVERSATION, conversation.id),
        "user": encode_id(Kind.USER, principal.user_id),
        "nothing": encode_id(Kind.MESSAGE, new_id()),
    }


def executor_of(services: Services) -> Executor:
    return Executor(
        SCHEMA,
        lambda _, authorization: services.authenticate(authorization),
        lambda _, who: Context(services, who, "", "198.51.100.7"),
        memory=response_memory(Settings(_env_file=None)),
    )


def faults(body: object) -> list[str]:
    """Whatever an answer blames on the server, in errors, in results and in events."""
    if isinstance(body, dict):
        own = ["INTERNAL_SERVER_ERROR"] if body.get("code") == "INTERNAL_SERVER_ERROR" else []
        return own + [fault for value in body.values() for fault in faults(value)]
    if isinstance(body, list):
        return [fault for value in body for fault in faults(value)]
    return []


@pytest.mark.parametrize(("kind", "path"), PATHS)
async def test_hostile_arguments_are_never_internal_errors(
    services: Services, principal: Principal, known: dict[str, str], kind: str, path: str
) -> None:
    query, types = operation(kind, path)
    query = query % known if "%(" in query else query
    executor = executor_of(services)
    connection = HTTPConnection({"type": "http", "headers": []})
    loop = asyncio.get_running_loop()

    async def run(variables: dict[str, Any]) -> None:
        request = OperationRequest(query, variables=decode_json(json.dumps(variables)))
        prepared = executor.prepare(request)
        assert [(error.extensions or {})["code"] for error in prepared.errors] == []
        results = executor.run(prepared, connection, principal)
        async with aclosing(results):
            try:
                async with asyncio.timeout(SECONDS if kind == "subscription" else 30):
                    async for result in results:
                        body = result_body(result)
                        assert faults(body) == [], (variables, body)
                        encode_json(body)
            except TimeoutError:
                assert kind == "subscription", variables

    values = st.fixed_dictionaries(
        {name: hostile(type_, list(known.values())) for name, type_ in types.items()}
    )

    @settings(
        max_examples=40 if types else 1,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(variables=values)
    def fuzz(variables: dict[str, Any]) -> None:
        asyncio.run_coroutine_threadsafe(run(variables), loop).result()

    await asyncio.to_thread(fuzz)


async def test_an_error_below_a_write_does_not_take_its_result(
    services: Services, principal: Principal
) -> None:
    executor = executor_of(services)
    query = """mutation { createConversation(input: {title: "kept"}) { ... on CreatedConversation {
      conversation { title messages(first: 0) { nodes { id } } } } } }"""
    operation = executor.prepare(OperationRequest(query))
    connection = HTTPConnection({"type": "http", "headers": []})
    [result] = [result async for result in executor.run(operation, connection, principal)]
    created = {"title": "kept", "messages": None}
    assert result.data == {"createConversation": {"conversation": created}}
    assert [error.path for error in result.errors or ()] == [
        ["createConversation", "conversation", "messages"]
    ]


@pytest.mark.parametrize("email", ["\u1c89@example.org", "a@b@c.org", "x@.", "a\u200b@example.org"])
async def test_an_address_that_cannot_be_one_is_refused(services: Services, email: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        await services.accounts.register(email, "correct horse battery", None)
    assert refused.value.field == "email"
