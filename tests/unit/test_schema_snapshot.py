"""`schema/schema.graphql` is what clients can rely on: it changes only on purpose."""

from pathlib import Path

from resolvers.schema import build_schema

SNAPSHOT = Path(__file__).parent.parent.parent / "schema" / "schema.graphql"


def test_the_snapshot_is_up_to_date() -> None:
    assert SNAPSHOT.read_text() == build_schema().as_str() + "\n", (
        "run `lectern export-schema > schema/schema.graphql` and read the difference"
    )
