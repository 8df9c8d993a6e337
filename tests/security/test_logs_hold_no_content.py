"""What people send stands in no log, no metric and no error, whatever breaks."""

import asyncio
import json
import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from graphql import (
    GraphQLInputType,
    get_named_type,
    is_enum_type,
    is_input_object_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_union_type,
)

from core.ids import new_id
from core.settings import Settings
from core.telemetry import describe, first_line, traceback_of
from providers.parsing.sandbox import frames_of
from resolvers.schema import build_schema
from support.chat import CHAT, subscribe
from support.product import Product

SCHEMA = build_schema()._schema
CANARY = "Kanarienvogel7f3a"
UPLOAD = """mutation ($file: Upload!) { uploadDocument(input: { file: $file }) {
  __typename ... on UploadedDocument { document { id } } ... on Error { code message } } }"""
REGISTER = """mutation ($input: RegisterInput!) {
  register(input: $input) { ... on Session { accessToken } } }"""
STATUS = "{ documents(first: 50) { nodes { status } } }"
BROKEN = """
import services.conversations, services.retrieval
async def breaks(self, principal, text, *rest, **named):
    try:
        raise ValueError(f"cannot read {text!r}")
    except ValueError as error:
        raise ExceptionGroup(text, [RuntimeError(text)]) from error
services.retrieval.Retrieval.search = breaks
services.conversations.Conversations.create = breaks
"""
"""As a fault that quotes what it was given."""


def canaries(type_: GraphQLInputType) -> list[Any]:
    """Values with the canary in them, right and wrong for the type."""
    if is_non_null_type(type_):
        return canaries(type_.of_type)
    if is_list_type(type_):
        return [[value] for value in canaries(type_.of_type)]
    if is_input_object_type(type_):
        fields = {name: canaries(field.type) for name, field in type_.fields.items()}
        longest = max(len(values) for values in fields.values())
        whole = [{n: v[i % len(v)] for n, v in fields.items()} for i in range(longest)]
        return [*whole, CANARY, {**whole[0], "unknown": CANARY}]
    if is_enum_type(type_) or str(type_) in ("Int", "Boolean", "Float", "DateTime", "Upload"):
        return [CANARY, {CANARY: CANARY}, [CANARY]]
    return [CANARY, f"{CANARY}\0", f"{CANARY}@example.org", f"doc_{CANARY}", CANARY * 1_000,
            f"\ud800{CANARY}", {"a": CANARY}]  # fmt: skip


def operations() -> list[tuple[str, dict[str, Any]]]:
    """Every root field with canaries in all its arguments, as variables and as literals."""
    found: list[tuple[str, dict[str, Any]]] = []
    for kind, root in (("query", SCHEMA.query_type), ("mutation", SCHEMA.mutation_type)):
        assert root is not None
        for name, field in root.fields.items():
            if not field.args:
                continue
            result = get_named_type(field.type)
            below = "" if is_leaf_type(result) else "{ __typename }"
            if is_union_type(result):
                below = "{ __typename ... on Error { code message } }"
            values = {argument: canaries(arg.type) for argument, arg in field.args.items()}
            declared = ", ".join(f"${argument}: {arg.type}" for argument, arg in field.args.items())
            given = ", ".join(f"{argument}: ${argument}" for argument in values)
            query = f"{kind} ({declared}) {{ {name}({given}) {below} }}"
            for index in range(max(map(len, values.values()))):
                found.append((query, {a: v[index % len(v)] for a, v in values.items()}))
            literals = ", ".join(f'{argument}: "{CANARY}"' for argument in values)
            found.append((f"{kind} {{ {name}({literals}) {below} }}", {}))
            found.append((f'{kind} {{ {name}({literals} "{CANARY}") {below} }}', {}))
    return found


FILES = {
    "text.txt": f"The secret is {CANARY}.".encode(),
    "page.html": f"<!doctype html><body><![{CANARY} of the merger <!{CANARY} &{CANARY};".encode(),
    "broken.pdf": f"%PDF-1.7\n1 0 obj\n<< /Type /{CANARY} >>\nendobj\nstartxref\n9\n".encode(),
    "broken.rtf": b"{\\rtf1 " + CANARY.encode() + b"{\\*\\" + CANARY.encode(),
    "mail.eml": f"From: {CANARY}\nSubject: =?utf-8?b?{CANARY}\n\n{CANARY}".encode(),
    "table.csv": f'"{CANARY}\n{CANARY},"'.encode(),
    "unread.bin": b"\0\1\2" + CANARY.encode(),
}  # fmt: skip


async def speak(url: str) -> list[str]:
    """Do everything that takes words; the errors that were answered, as JSON."""
    errors: list[str] = []

    def note(response: httpx.Response) -> dict[str, Any]:
        body: dict[str, Any] = response.json()
        errors.extend(json.dumps(error, ensure_ascii=False) for error in body.get("errors") or ())
        for result in (body.get("data") or {}).values():
            if isinstance(result, dict) and "message" in result:
                errors.append(json.dumps(result, ensure_ascii=False))
        return body

    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        account = {"email": f"{new_id().hex}@example.org", "password": f"{CANARY} password"}
        register = {"query": REGISTER, "variables": {"input": {**account, "name": CANARY}}}
        opened = note(await client.post("/graphql", json=register))
        token = opened["data"]["register"]["accessToken"]
        client.headers["Authorization"] = f"Bearer {token}"

        for name, content in FILES.items():
            form = {
                "operations": json.dumps({"query": UPLOAD, "variables": {"file": None}}),
                "map": json.dumps({"0": ["variables.file"]}),
            }
            sent = {"0": (f"{CANARY}-{name}", content)}
            headers = {"GraphQL-Preflight": "1"}
            note(await client.post("/graphql", data=form, files=sent, headers=headers))

        for query, variables in operations():
            body = {"query": query, "variables": variables, "operationName": None}
            note(await client.post("/graphql", content=json.dumps(body).encode(),
                                   headers={"Content-Type": "application/json"}))  # fmt: skip
        await client.post("/graphql", json={"query": "{ me { id } }", "operationName": CANARY})
        await client.get(f"/files/{CANARY}")
        await client.put(f"/uploads/{CANARY}", content=CANARY.encode())
        await client.post("/graphql", content=CANARY.encode() * 9)

        question = {"clientMessageId": CANARY, "text": f"Where is {CANARY}?"}
        with suppress(AssertionError):
            async with subscribe(url, token, CHAT, input=question) as events:
                async for event in events:
                    if event["__typename"] == "ChatFailed":
                        errors.append(json.dumps(event))

        async with asyncio.timeout(120):
            while True:
                nodes = note(await client.post("/graphql", json={"query": STATUS}))["data"]
                states = {node["status"] for node in nodes["documents"]["nodes"]}
                if not states & {"PENDING", "PROCESSING", "SEARCHABLE"}:
                    break
                await asyncio.sleep(0.2)
        metrics = (await client.get("/metrics")).text
    return [*errors, metrics]


async def test_no_word_of_anybody_is_logged(
    tmp_path: Path,
    settings_in: Callable[[Path], Settings],
    capfd: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "sitecustomize").mkdir()
    data = tmp_path / "data"
    data.mkdir()
    environment = {"LECTERN_LOG_FORMAT": "json", "LECTERN_LOG_LEVEL": "DEBUG"}
    with Product(settings_in(data), **environment) as product:
        url, _ = product.serve()
        product.work()
        said = await speak(url)
        breaking = tmp_path / "sitecustomize" / "sitecustomize.py"
        breaking.write_text(BROKEN)
        broken, _ = product.serve(PYTHONPATH=str(breaking.parent))
        said += await speak(broken)
    logged = "".join(capfd.readouterr())

    assert "INTERNAL_SERVER_ERROR" in "".join(said), "what breaks was met"
    assert "ExceptionGroup" in logged, "and logged"
    assert "operation" in logged
    assert [line for line in logged.splitlines() if CANARY in line] == []
    assert [text for text in said if CANARY in text] == []


def test_an_error_is_told_by_its_kind_and_its_place() -> None:
    def break_off() -> None:
        try:
            raise FileNotFoundError(2, CANARY, CANARY)
        except OSError as error:
            raise ExceptionGroup(CANARY, [ValueError(CANARY)]) from error

    with pytest.raises(ExceptionGroup) as broken:
        break_off()
    told = traceback_of(broken.value)
    assert describe(broken.value.__cause__) == "FileNotFoundError ENOENT"
    assert CANARY not in told
    assert "test_an_error_is_told_by_its_kind_and_its_place" in told
    assert "ValueError" in told


def test_of_a_parser_that_died_the_places_are_told_alone() -> None:
    last_words = f"""Traceback (most recent call last):
  File "/srv/html/parser.py", line 295, in parse
    raise AssertionError("{CANARY}")
AssertionError: unknown status keyword '{CANARY}' in marked section
thread 'main' panicked at src/lib.rs:10:5:
{CANARY}
"""
    assert frames_of(last_words) == [
        'File "/srv/html/parser.py", line 295, in parse',
        "AssertionError",
        "panicked at src/lib.rs:10:5",
    ]


def test_the_standard_library_tells_as_little() -> None:
    record = logging.LogRecord(
        "asyncio", logging.ERROR, "", 0, f"Task exception was never retrieved\n{CANARY}", None, None
    )
    assert first_line(record)
    assert record.getMessage() == "Task exception was never retrieved"
