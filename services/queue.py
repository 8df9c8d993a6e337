"""Waking of workers: an arq job says that there is work, the database says which."""

import json
from uuid import UUID

from arq.connections import ArqRedis

from db.engine import WriteSession
from services.redis import ConnectionPool, best_effort

JOB = "ingest"


def encode_job(job: dict[str, object]) -> bytes:
    return json.dumps(job).encode()


def decode_job(data: bytes) -> dict[str, object]:
    job: dict[str, object] = json.loads(data)
    return job


def open_redis(url: str) -> ArqRedis:
    """A client that connects when it is first used, so that processes start without Redis."""
    pool = ConnectionPool.from_url(url, socket_connect_timeout=2)
    return ArqRedis(pool, job_serializer=encode_job, job_deserializer=decode_job)


class Queue:
    def __init__(self, redis: ArqRedis) -> None:
        self.redis = redis

    def wake(self, session: WriteSession, version_id: UUID) -> None:
        """Wake a worker for a version once the session's transaction is committed.

        A wake-up that is lost costs little time, since workers look by themselves.
        """
        session.after_commit(self._wake, version_id)

    async def _wake(self, version_id: UUID) -> None:
        job = self.redis.enqueue_job(JOB, _job_id=str(version_id))
        await best_effort(job, without="wake-up lost")
