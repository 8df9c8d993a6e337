"""Failing fast while a provider is down."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from core.errors import ErrorCode, ProviderUnavailable


class CircuitBreaker:
    """Opens after `threshold` failures in a row; `cooldown` seconds later one call may try again.

    For one event loop. `failures` are the exceptions that mean the provider is down: any other
    outcome, a refused request included, shows that it answers. See M. Nygard, "Release It!".
    """

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        failures: tuple[type[Exception], ...],
        *,
        threshold: int = 5,
        cooldown: float = 15,
    ) -> None:
        self._code = code
        self._message = message
        self._failures = failures
        self._threshold = threshold
        self._cooldown = cooldown
        self._failed_in_a_row = 0
        self._open_until = 0.0

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Wrap one call to the provider. Raises `ProviderUnavailable` while open."""
        if self._failed_in_a_row >= self._threshold:
            if time.monotonic() < self._open_until:
                raise ProviderUnavailable(self._code, self._message)
            self._reject_others()
        try:
            yield
        except self._failures:
            self._failed_in_a_row += 1
            self._reject_others()
            raise
        except Exception:
            self._failed_in_a_row = 0
            raise
        else:
            self._failed_in_a_row = 0

    def _reject_others(self) -> None:
        self._open_until = time.monotonic() + self._cooldown
