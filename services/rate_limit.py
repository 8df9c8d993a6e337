"""How often somebody may try."""

import asyncio
import hashlib
from ipaddress import IPv6Address, ip_address

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from core.errors import RateLimited

logger = structlog.get_logger()
COUNT_SECONDS = 1
"""What a Redis that hangs may cost whoever tries."""


class RateLimit:
    """So many tries in a window, counted in Redis; without Redis nobody is refused."""

    def __init__(self, redis: Redis, name: str, limit: int, window_seconds: int) -> None:
        self._redis = redis
        self._name = name
        self._limit = limit
        self._window_seconds = window_seconds

    async def hit(self, subject: str) -> None:
        """Count one try; raises `RateLimited` when there are too many."""
        key = self._key(subject)
        try:
            async with asyncio.timeout(COUNT_SECONDS), self._redis.pipeline() as pipeline:
                pipeline.set(key, 0, ex=self._window_seconds, nx=True)
                pipeline.incr(key)
                pipeline.ttl(key)
                _, tries, seconds_left = await pipeline.execute()
        except (RedisError, OSError) as error:
            logger.warning("tries are not counted", error=repr(error))
            return
        if tries > self._limit:
            raise RateLimited("Too many tries; wait a little.", float(seconds_left))

    async def reset(self, subject: str) -> None:
        try:
            async with asyncio.timeout(COUNT_SECONDS):
                await self._redis.delete(self._key(subject))
        except (RedisError, OSError) as error:
            logger.warning("tries are not forgiven", error=repr(error))

    def _key(self, subject: str) -> str:
        return f"lectern:tries:{self._name}:{hashlib.sha256(subject.encode()).hexdigest()}"


def network_of(address: str) -> str:
    """The subject for a client's address: whoever has one of IPv6 has the 2^64 of its network."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, IPv6Address):
        return str(ip.ipv4_mapped or int(ip) >> 64)
    return str(ip)
