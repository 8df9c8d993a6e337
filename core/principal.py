"""The caller whom an operation acts for."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Principal:
    user_id: UUID
    role: str
    session_id: UUID | None
    """The login that the access token came from; None for an API key."""
    expires_at: datetime | None
    """When the caller has to authenticate again; None means never."""

    @property
    def seconds_left(self) -> float | None:
        if self.expires_at is None:
            return None
        return (self.expires_at - datetime.now(UTC)).total_seconds()
