"""What is generated and committed: it changes only on purpose, and `make schema` writes it."""

from pathlib import Path

from cli.embedded import EmbeddedPostgres
from resolvers.schema import build_schema
from support.configuration_page import page
from support.database_schema import describe_new

ROOT = Path(__file__).parents[2]
OUT_OF_DATE = "run `make schema` and read the difference"


def test_the_contract_for_clients() -> None:
    snapshot = (ROOT / "schema" / "schema.graphql").read_text()
    assert snapshot == build_schema().as_str() + "\n", OUT_OF_DATE


async def test_the_tables(postgres: EmbeddedPostgres) -> None:
    snapshot = (ROOT / "db" / "schema.sql").read_text()
    assert snapshot == await describe_new(postgres, "described"), OUT_OF_DATE
    for part in ("TRIGGER documents_record_progress", "TYPE document_status", "POLICY owner"):
        assert part in snapshot


def test_the_page_of_settings() -> None:
    assert (ROOT / "docs" / "configuration.md").read_text() == page(), OUT_OF_DATE
