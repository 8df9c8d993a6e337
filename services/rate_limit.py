"""Limits on how often somebody may do something, counted by the library `limits`."""

import hashlib
import time
from collections.abc import Mapping
from typing import Literal
from uuid import UUID

from limits import RateLimitItem, RateLimitItemPerSecond, parse
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import FixedWindowRateLimiter

from core.addresses import network_of
from core.errors import RateLimited
from core.telemetry import RATE_LIMITED
from services.redis import Redis, best_effort

Activity = Literal["register", "refresh", "search", "upload", "question", "write"]

AWAY_SECONDS = 5
"""So long after it was lost Redis is not asked again."""


class Counters:
    """Counts in Redis for all processes; in this one alone while Redis is away."""

    def __init__(self, redis: Redis) -> None:
        self._shared = FixedWindowRateLimiter(
            RedisStorage(
                "redis://",
                implementation="redispy",
                connection_pool=redis.connection_pool,  # type: ignore[arg-type]
                key_prefix="lectern:limit",
            )
        )
        self._own = FixedWindowRateLimiter(MemoryStorage())
        self._away_until = 0.0

    async def hit(self, item: RateLimitItem, *key: str) -> float:
        """Count one more; the seconds to wait if it is one too many, else 0."""
        if time.monotonic() >= self._away_until:
            wait = await best_effort(
                _hit(self._shared, item, *key), without="limits hold in each process alone"
            )
            if wait is not None:
                return wait
            self._away_until = time.monotonic() + AWAY_SECONDS
        return await _hit(self._own, item, *key)

    async def clear(self, item: RateLimitItem, *key: str) -> None:
        await self._own.clear(item, *key)
        if time.monotonic() >= self._away_until:
            await best_effort(self._shared.clear(item, *key), without="tries are not forgiven")


class RateLimit:
    """So many tries of a subject in a window."""

    def __init__(self, counters: Counters, name: str, limit: int, window_seconds: int) -> None:
        self._counters = counters
        self._name = name
        self._item = RateLimitItemPerSecond(limit, window_seconds)

    async def hit(self, subject: str) -> None:
        """Count one try; raises `RateLimited` when there are too many."""
        if wait := await self._counters.hit(self._item, self._name, _digest(subject)):
            raise refused(self._name, wait)

    async def reset(self, subject: str) -> None:
        """Begin the count of tries anew."""
        await self._counters.clear(self._item, self._name, _digest(subject))


class RateLimits:
    """What one user, one address and everybody together may do, by kind of activity."""

    def __init__(
        self, counters: Counters, rates: Mapping[Activity, str], in_all: str, address_factor: int
    ) -> None:
        """`rates` in the notation of `limits`, such as `30/minute`; `in_all` of registrations.

        From one address as much may come as `address_factor` users may do.
        """
        self._counters = counters
        self._rates = {activity: parse(rate) for activity, rate in rates.items()}
        self._addresses = {
            activity: _times(r, address_factor) for activity, r in self._rates.items()
        }
        self._in_all = parse(in_all)

    async def admit(self, activity: Activity, user_id: UUID | None, address: str | None) -> None:
        """Count one; raises `RateLimited`."""
        counts = []
        if user_id is not None:
            counts.append((self._rates[activity], activity, "user", user_id.hex))
        if address is not None:
            rates = self._rates if user_id is None else self._addresses
            counts.append((rates[activity], activity, "address", _digest(network_of(address))))
        if activity == "register":
            counts.append((self._in_all, activity, "all", ""))
        for item, *key in counts:
            if wait := await self._counters.hit(item, *key):
                raise refused(activity, wait)


def refused(what: str, wait: float) -> RateLimited:
    RATE_LIMITED.labels(what).inc()
    return RateLimited("Too many tries; wait a little.", wait)


async def _hit(limiter: FixedWindowRateLimiter, item: RateLimitItem, *key: str) -> float:
    if await limiter.hit(item, *key):
        return 0.0
    resets_at, _ = await limiter.get_window_stats(item, *key)
    return max(1.0, resets_at - time.time())


def _times(item: RateLimitItem, factor: int) -> RateLimitItem:
    return type(item)(item.amount * factor, item.multiples)


def _digest(subject: str) -> str:
    return hashlib.sha256(subject.encode()).hexdigest()
