"""Identifiers (UUIDv7, RFC 9562) and the cursors of keyset pages."""

import base64
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

from uuid_utils.compat import uuid7

from core.errors import InvalidInput, NotFound

MAX_PAGE_SIZE = 100


def new_id() -> UUID:
    """A new id; ids sort by time of creation."""
    return uuid7()


class Kind(StrEnum):
    """What an id names; its prefix keeps one kind from passing for another."""

    USER = "user"
    API_KEY = "key"
    DOCUMENT = "doc"
    VERSION = "ver"
    CONVERSATION = "conv"
    MESSAGE = "msg"


def encode_id(kind: Kind, id_: UUID) -> str:
    return f"{kind}_{id_.hex}"


def decode_id(kind: Kind, value: str) -> UUID:
    """The UUID in a global id of that kind. Raises `NotFound`, also for a malformed id."""
    prefix, _, hex_ = value.partition("_")
    if prefix == kind and len(hex_) == 32:
        with suppress(ValueError):
            return UUID(hex=hex_)
    raise NotFound("There is nothing with this id.")


def kind_of(value: str) -> Kind | None:
    with suppress(ValueError):
        return Kind(value.partition("_")[0])
    return None


def encode_cursor(at: datetime, id_: UUID) -> str:
    return base64.urlsafe_b64encode(f"{at.isoformat()}|{id_.hex}".encode()).decode()


def decode_cursor(cursor: str) -> tuple[datetime, UUID]:
    """The time and id that a cursor stands for. Raises `InvalidInput`."""
    try:
        at, _, id_ = base64.urlsafe_b64decode(cursor.encode()).decode().partition("|")
        return datetime.fromisoformat(at).astimezone(UTC), UUID(hex=id_)
    except (ValueError, OverflowError):
        raise InvalidInput("The cursor is not one of ours.", field="after") from None


def check_page_size(first: int) -> int:
    """Raises `InvalidInput` outside 1 to 100."""
    if not 1 <= first <= MAX_PAGE_SIZE:
        raise InvalidInput(f"first must be between 1 and {MAX_PAGE_SIZE}.", field="first")
    return first
