"""Identifiers (UUIDv7, RFC 9562) and the cursors of keyset pages."""

import base64
import binascii
from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from core.errors import InvalidInput, NotFound

MAX_PAGE_SIZE = 100


def new_id() -> UUID:
    """Sorts by time of creation."""
    return uuid7()


def parse_id(value: str) -> UUID:
    """Raises `NotFound`: a malformed id is as unknown as a foreign one."""
    try:
        return UUID(value)
    except ValueError:
        raise NotFound("There is nothing with this id.") from None


def encode_cursor(at: datetime, id_: UUID) -> str:
    return base64.urlsafe_b64encode(f"{at.isoformat()}|{id_.hex}".encode()).decode()


def decode_cursor(cursor: str) -> tuple[datetime, UUID]:
    """Raises `InvalidInput`."""
    try:
        at, _, id_ = base64.urlsafe_b64decode(cursor.encode()).decode().partition("|")
        return datetime.fromisoformat(at), UUID(hex=id_)
    except (ValueError, binascii.Error):
        raise InvalidInput("The cursor is not one of ours.", field="after") from None


def check_page_size(first: int) -> int:
    """Raises `InvalidInput` outside 1 to 100."""
    if not 1 <= first <= MAX_PAGE_SIZE:
        raise InvalidInput(f"first must be between 1 and {MAX_PAGE_SIZE}.", field="first")
    return first
