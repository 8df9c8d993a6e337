"""Ids that tell their kind, and cursors that survive strangers."""

import base64
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidInput, NotFound
from core.ids import (
    Kind,
    check_page_size,
    decode_cursor,
    decode_id,
    encode_cursor,
    encode_id,
    kind_of,
    new_id,
)


@given(st.sampled_from(Kind), st.uuids())
def test_an_id_survives_its_text(kind: Kind, id_: UUID) -> None:
    assert decode_id(kind, encode_id(kind, id_)) == id_
    assert kind_of(encode_id(kind, id_)) is kind


@given(st.sampled_from(Kind), st.text())
def test_rubbish_finds_nothing(kind: Kind, text: str) -> None:
    with pytest.raises(NotFound):
        decode_id(kind, text)


def test_an_id_of_one_kind_is_none_of_another() -> None:
    id_ = encode_id(Kind.DOCUMENT, new_id())
    with pytest.raises(NotFound):
        decode_id(Kind.CONVERSATION, id_)


def test_ids_sort_by_time() -> None:
    ids = [new_id() for _ in range(1000)]
    assert ids == sorted(ids)


@given(st.datetimes(timezones=st.just(UTC)), st.uuids())
def test_a_cursor_survives_its_text(at: datetime, id_: UUID) -> None:
    assert decode_cursor(encode_cursor(at, id_)) == (at, id_)


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "💥", base64.urlsafe_b64encode(b"now|1").decode(), "AAAA", "=" * 9],
)
def test_strange_cursors_are_bad_input(cursor: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        decode_cursor(cursor)
    assert caught.value.field == "after"


def test_a_cursor_without_a_time_zone_still_has_one() -> None:
    forged = base64.urlsafe_b64encode(f"2026-01-01T00:00:00|{UUID(int=1).hex}".encode()).decode()
    assert decode_cursor(forged)[0].tzinfo is not None


@pytest.mark.parametrize("first", [-1, 0, 101])
def test_pages_have_one_to_a_hundred_items(first: int) -> None:
    with pytest.raises(InvalidInput):
        check_page_size(first)
