"""The README keeps its word."""

import re
from pathlib import Path

import pytest
from graphql import build_schema, parse, validate

from cli.configuration import variable
from core.settings import Settings
from providers.parsing.formats import names

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text()
CLIENTS = (ROOT / "docs" / "clients.md").read_text()
OPERATIONS = re.findall(r"```graphql\n(.*?)```", README, re.DOTALL)


def test_the_table_has_settings_that_exist() -> None:
    listed = set(re.findall(r"^\| `([A-Z_]+)`", README, re.MULTILINE))
    assert len(listed) == 8
    assert listed < {variable(name) for name in Settings.model_fields}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_sample_operation_fits_the_schema(operation: str) -> None:
    schema = build_schema((ROOT / "schema" / "schema.graphql").read_text())
    assert validate(schema, parse(operation)) == []


def test_every_format_that_is_read_is_named() -> None:
    section = README.split("## What it reads")[1].split("recognised by content")[0]
    assert " ".join(section.split()).rstrip(",") == names()


def test_every_local_link_leads_somewhere() -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_clients_are_told_every_close_code() -> None:
    codes = set(re.findall(r"[Cc]lose\((4\d{3})", (ROOT / "server" / "websocket.py").read_text()))
    assert {"4403", "4429"} < codes
    assert codes <= set(re.findall(r"\b4\d{3}\b", CLIENTS))
