"""The inverted index: a row of `postings` says in which of successive chunks a term stands.

Each chunk has an entry of 31 bits: its place in the row, how often the term stands in it, and its
length in terms.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import text

from db.engine import WriteSession

_PLACE_BITS, _FREQUENCY_BITS, _LENGTH_BITS = 8, 7, 16
ROW_CHUNKS = 1 << _PLACE_BITS
"""How many chunks a row speaks of, from ordinal `first` on, which is a multiple of this."""
_MAX_FREQUENCY = (1 << _FREQUENCY_BITS) - 1
_MAX_LENGTH = (1 << _LENGTH_BITS) - 1

PLACE = f"(entry >> {_FREQUENCY_BITS + _LENGTH_BITS})"
FREQUENCY = f"(entry >> {_LENGTH_BITS} & {_MAX_FREQUENCY})"
LENGTH = f"(entry & {_MAX_LENGTH})"
"""Expressions in SQL for the three parts of `entry`."""

_INSERT = text("""
    INSERT INTO postings (owner_id, version_id, first, term, entries)
    SELECT CAST(:owner_id AS uuid), CAST(:version_id AS uuid), CAST(:first AS int), term,
      array_agg(entry ORDER BY entry)
    FROM unnest(CAST(:terms AS text[]), CAST(:entries AS int[])) AS t (term, entry)
    GROUP BY term ORDER BY term
    """)
_DELETE = text("""
    DELETE FROM postings
    WHERE owner_id = :owner_id AND version_id = :version_id AND first = :first
    """)


async def insert(
    session: WriteSession, version_id: UUID, first: int, chunks: Sequence[Mapping[str, int]]
) -> None:
    """The rows of at most `ROW_CHUNKS` chunks, each given as the frequencies of its terms."""
    await session.run(
        _INSERT,
        owner_id=session.owner_id,
        version_id=version_id,
        first=first,
        terms=[term for frequencies in chunks for term in frequencies],
        entries=[
            _pack(place, frequency, length)
            for place, frequencies in enumerate(chunks)
            for length in [sum(frequencies.values())]
            for frequency in frequencies.values()
        ],
    )


async def delete(session: WriteSession, version_id: UUID, first: int) -> None:
    """Delete the rows that begin at ordinal `first`."""
    await session.run(_DELETE, owner_id=session.owner_id, version_id=version_id, first=first)


def _pack(place: int, frequency: int, length: int) -> int:
    return (
        place << _FREQUENCY_BITS + _LENGTH_BITS
        | min(frequency, _MAX_FREQUENCY) << _LENGTH_BITS
        | min(length, _MAX_LENGTH)
    )
