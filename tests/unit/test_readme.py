"""The README keeps its word."""

import re
import tomllib
from pathlib import Path

import pytest
from graphql import build_schema, parse, validate

from cli.configuration import variable
from core.settings import Settings
from providers.parsing.formats import names

ROOT = Path(__file__).parent.parent.parent
DECISIONS = ROOT / "docs" / "decisions"
PAGES = sorted(
    path.relative_to(ROOT) for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
)
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


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_local_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)\)", (ROOT / page).read_text())
    assert [link for link in links if not (ROOT / page.parent / link).exists()] == []


def test_every_decision_is_listed_and_says_what_else_there_was() -> None:
    index = (DECISIONS / "README.md").read_text()
    for number, path in enumerate(sorted(DECISIONS.glob("0*.md")), 1):
        text = path.read_text()
        title = text.partition("\n")[0].removeprefix("# ")
        assert title.startswith(f"{number}. ")
        assert f"- [{title}]({path.name})\n" in index
        assert "**Status**: " in text
        assert "**Consequences**: " in text


def test_every_import_contract_is_listed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    text = (ROOT / "docs" / "architecture.md").read_text()
    for contract in project["tool"]["importlinter"]["contracts"]:
        assert f"- {contract['name']}.\n" in text


def test_files_that_contributors_are_sent_to_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    named = re.findall(r"`((?:[a-z_]+/)+[\w.]*)`", text)
    assert len(named) > 30
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_clients_are_told_every_close_code() -> None:
    codes = set(re.findall(r"[Cc]lose\((4\d{3})", (ROOT / "server" / "websocket.py").read_text()))
    assert {"4403", "4429"} < codes
    assert codes <= set(re.findall(r"\b4\d{3}\b", CLIENTS))
