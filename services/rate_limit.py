"""A limit on how often somebody may try."""

import hashlib

from core.errors import RateLimited
from services.redis import Redis, best_effort


class RateLimit:
    """So many tries in a window, counted in Redis; without Redis nobody is refused."""

    def __init__(self, redis: Redis, name: str, limit: int, window_seconds: int) -> None:
        self._redis = redis
        self._name = name
        self._limit = limit
        self._window_seconds = window_seconds

    async def hit(self, subject: str) -> None:
        """Count one try; raises `RateLimited` when there are too many."""
        counted = await best_effort(self._count(self._key(subject)), without="tries not counted")
        if counted is None:
            return
        tries, seconds_left = counted
        if tries > self._limit:
            raise RateLimited("Too many tries; wait a little.", float(seconds_left))

    async def reset(self, subject: str) -> None:
        """Begin the count of tries anew."""
        await best_effort(self._redis.delete(self._key(subject)), without="tries not forgiven")

    async def _count(self, key: str) -> tuple[int, int]:
        """Tries in this window, this one included, and the seconds that are left of it."""
        async with self._redis.pipeline() as pipeline:
            pipeline.set(key, 0, ex=self._window_seconds, nx=True)
            pipeline.incr(key)
            pipeline.ttl(key)
            _, tries, seconds_left = await pipeline.execute()
        return tries, seconds_left

    def _key(self, subject: str) -> str:
        return f"lectern:tries:{self._name}:{hashlib.sha256(subject.encode()).hexdigest()}"
