"""Live hints: "something of yours has changed", from any process to every process.

A hint carries no truth. Whoever hears one reads the database again; whoever misses one reads it
again after a while anyway.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import UUID

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

_log = structlog.get_logger()
IDLE_SECONDS = 1.0
PUBLISH_SECONDS = 0.5
"""What a Redis that hangs may cost whoever has something to say."""


def channel(subject: str) -> str:
    """Where Redis carries the hints about a subject."""
    return f"lectern:hint:{subject}"


def owner_subject(owner_id: UUID) -> str:
    """Anything about any of the owner's documents."""
    return f"owner:{owner_id.hex}"


def document_subject(document_id: UUID) -> str:
    return f"document:{document_id.hex}"


def answer_subject(message_id: UUID) -> str:
    """The answer has grown."""
    return f"answer:{message_id.hex}"


def stop_subject(message_id: UUID) -> str:
    """Somebody wants the answer to stop."""
    return f"stop:{message_id.hex}"


class Listener:
    """Wakes when its subject changes."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def wake(self) -> None:
        self._changed.set()

    def forget(self) -> None:
        """Nothing that was heard so far counts."""
        self._changed.clear()

    async def wait(self, seconds: float) -> bool:
        """Whether there was a hint within `seconds`; returns at the first."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        hinted = self._changed.is_set()
        self.forget()
        return hinted


class Hints:
    """One pub/sub connection a process, fanned out to its listeners by subject."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._pubsub = redis.pubsub()
        self._listeners: dict[str, set[Listener]] = {}
        self._confirmed: dict[str, asyncio.Event] = {}
        self._reader: asyncio.Task[None] | None = None

    async def publish(self, *subjects: str) -> None:
        """Best effort: without Redis, listeners find out by themselves a little later."""
        try:
            async with (
                asyncio.timeout(PUBLISH_SECONDS),
                self._redis.pipeline(transaction=False) as pipeline,
            ):
                for subject in subjects:
                    pipeline.publish(channel(subject), b"")
                await pipeline.execute()
        except (RedisError, OSError) as error:
            _log.warning("hint lost", error=repr(error))
            for subject in subjects:  # at least those of this process
                self._wake(channel(subject))

    @asynccontextmanager
    async def listen(self, subject: str) -> AsyncIterator[Listener]:
        """Hear of every change from now on: read the database after entering, not before."""
        listener = Listener()
        try:
            await self._join(channel(subject), listener)
            yield listener
        finally:
            await self._leave(channel(subject), listener)

    @property
    def channel_count(self) -> int:
        """Subjects that somebody of this process listens to."""
        return len(self._listeners)

    async def close(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
            with suppress(asyncio.CancelledError):
                await self._reader
        await self._pubsub.aclose()  # type: ignore[no-untyped-call]

    async def _join(self, name: str, listener: Listener) -> None:
        joined = self._listeners.setdefault(name, set())
        joined.add(listener)
        if len(joined) == 1:
            self._confirmed[name] = asyncio.Event()
            with suppress(RedisError, OSError):
                await self._pubsub.subscribe(name)
        if self._reader is None:
            self._reader = asyncio.create_task(self._read())
        confirmed = self._confirmed[name]
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                await confirmed.wait()
                listener.forget()

    async def _leave(self, name: str, listener: Listener) -> None:
        joined = self._listeners.get(name, set())
        joined.discard(listener)
        if not joined:
            self._listeners.pop(name, None)
            self._confirmed.pop(name, None)
            with suppress(RedisError, OSError):
                await self._pubsub.unsubscribe(name)

    async def _read(self) -> None:
        while True:
            try:
                if not self._pubsub.subscribed:
                    await asyncio.sleep(0.02)
                    await self._join_again()
                    continue
                message = await self._pubsub.get_message(timeout=IDLE_SECONDS)
                if message is None:
                    await self._join_again()
                    continue
            except (RedisError, OSError) as error:
                _log.warning("hints interrupted", error=str(error))
                await asyncio.sleep(1)
                for name in self._listeners:  # who cannot be told looks for themselves
                    self._wake(name)
                continue
            name = message["channel"].decode()
            if message["type"] == "subscribe" and name in self._confirmed:
                self._confirmed[name].set()
            if message["type"] in ("message", "subscribe"):  # hints were lost before the latter
                self._wake(name)

    async def _join_again(self) -> None:
        """What could not be subscribed to while Redis was away; the client restores the rest."""
        missing = [name for name, ok in self._confirmed.items() if not ok.is_set()]
        if missing:
            await self._pubsub.subscribe(*missing)

    def _wake(self, name: str) -> None:
        for listener in self._listeners.get(name, ()):
            listener.wake()
