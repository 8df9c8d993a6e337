"""Waking the workers: arq jobs say that there is work, the database says which."""

import asyncio
import json
from collections.abc import Iterable
from uuid import UUID

import structlog
from arq.connections import ArqRedis
from redis.asyncio import ConnectionPool
from redis.exceptions import RedisError

logger = structlog.get_logger()
JOB = "ingest"
WAKE_SECONDS = 0.5
"""What a Redis that hangs may cost an upload that is safe already."""


def encode_job(job: dict[str, object]) -> bytes:
    return json.dumps(job).encode()


def decode_job(data: bytes) -> dict[str, object]:
    job: dict[str, object] = json.loads(data)
    return job


def open_redis(url: str) -> ArqRedis:
    """Connects when it is first used, so that a process starts without Redis."""
    pool = ConnectionPool.from_url(url, socket_connect_timeout=2)
    return ArqRedis(pool, job_serializer=encode_job, job_deserializer=decode_job)


class Queue:
    def __init__(self, redis: ArqRedis) -> None:
        self.redis = redis

    async def wake(self, version_ids: Iterable[UUID]) -> None:
        """One wake-up a version; a lost one costs little time, since workers look by themselves."""
        try:
            async with asyncio.timeout(WAKE_SECONDS):
                for version_id in version_ids:
                    await self.redis.enqueue_job(JOB, _job_id=str(version_id))
        except (RedisError, OSError) as error:
            logger.warning("wake-up lost", error=repr(error))
