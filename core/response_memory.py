"""How many bytes of answers are held: of one answer, of one caller, and by the whole process.

An answer is held from its first field until its last byte has been taken, so whoever asks faster
than he reads runs into his own limit, not into everybody's memory.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from core.errors import RateLimited, ResponseTooLarge

LEAF_BYTES = 24
"""Estimated size of a value beside its text: its name, quotes and commas."""


class ResponseMemory:
    """Counter of the bytes that one process holds, in all and for each caller."""

    def __init__(self, per_response: int, per_caller: int, in_all: int) -> None:
        self.per_response = per_response
        self._per_caller = per_caller
        self._in_all = in_all
        self._callers: Counter[object] = Counter()

    @property
    def held(self) -> int:
        """Bytes held by the whole process."""
        return self._callers.total()

    @contextmanager
    def hold(self, caller: object) -> Iterator["HeldResponse"]:
        response = HeldResponse(self, caller)
        try:
            yield response
        finally:
            response.release()

    def add(self, caller: object, size: int) -> None:
        """Count so many bytes more. Raises `RateLimited`, and then nothing is added."""
        if self._callers[caller] + size > self._per_caller or self.held + size > self._in_all:
            raise RateLimited("Too many answers wait to be read; read them, and ask again.", 1)
        self._callers[caller] += size

    def subtract(self, caller: object, size: int) -> None:
        self._callers[caller] -= size
        if self._callers[caller] <= 0:
            del self._callers[caller]


class HeldResponse:
    """One answer as it grows."""

    def __init__(self, memory: ResponseMemory, caller: object) -> None:
        self._memory = memory
        self._caller = caller
        self._size = 0

    def grow(self, size: int) -> None:
        """Count more bytes. Raises `ResponseTooLarge` and `RateLimited`, and then counts none."""
        if self._size + size > self._memory.per_response:
            raise ResponseTooLarge(
                f"The answer would be larger than {self._memory.per_response:,} bytes: ask for "
                "fewer things or shorter slices at a time."
            )
        self._memory.add(self._caller, size)
        self._size += size

    def release(self) -> None:
        """Give all bytes back, once the client has taken the answer."""
        self._memory.subtract(self._caller, self._size)
        self._size = 0


held_response: ContextVar[HeldResponse | None] = ContextVar("held_response", default=None)
"""The response of the operation that is running."""


def grow_response(size: int) -> None:
    """Count bytes that the operation at work holds. Raises as `HeldResponse.grow` does."""
    if (response := held_response.get()) is not None:
        response.grow(size)
