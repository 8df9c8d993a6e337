"""Live hints: "something of yours has changed", from any process to every process.

A hint carries no truth. Whoever hears one reads the database again; whoever misses one reads it
again after a while anyway.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from uuid import UUID

import structlog

from core.telemetry import describe
from db.engine import WriteSession
from services.redis import LOST, Redis, best_effort

logger = structlog.get_logger()
IDLE_SECONDS = 1.0


def hint_channel(subject: str) -> str:
    """The Redis channel of the hints about a subject."""
    return f"lectern:hint:{subject}"


def owner_subject(owner_id: UUID) -> str:
    """The subject of changes of any of the owner's documents."""
    return f"owner:{owner_id.hex}"


def document_subject(document_id: UUID) -> str:
    return f"document:{document_id.hex}"


def answer_subject(message_id: UUID) -> str:
    """The subject of an answer that grows."""
    return f"answer:{message_id.hex}"


def stop_subject(message_id: UUID) -> str:
    """The subject of a request to stop an answer."""
    return f"stop:{message_id.hex}"


class Listener:
    """Wakes whoever waits when its subject changes."""

    def __init__(self) -> None:
        self._change = asyncio.Event()

    def wake(self) -> None:
        self._change.set()

    def forget(self) -> None:
        """Forget all hints so far."""
        self._change.clear()

    async def wait(self, seconds: float) -> bool:
        """Wait for a hint, at most `seconds`; whether there was one."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._change.wait()
        hinted = self._change.is_set()
        self.forget()
        return hinted


class Hints:
    """One pub/sub connection a process, fanned out to its listeners by subject."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._pubsub = redis.pubsub()
        self._listeners: dict[str, set[Listener]] = {}
        self._confirmations: dict[str, asyncio.Event] = {}
        self._connected = False
        self._reader: asyncio.Task[None] | None = None

    def publish(self, session: WriteSession, *subjects: str) -> None:
        """Tell listeners once the session's transaction is committed.

        Without Redis they find out by themselves a little later.
        """
        session.after_commit(self._publish, subjects)

    def document_changed(self, session: WriteSession, document_id: UUID) -> None:
        """Tell whoever watches the document or its owner's library, after the commit."""
        self.publish(session, document_subject(document_id), owner_subject(session.owner_id))

    @asynccontextmanager
    async def listen(self, subject: str) -> AsyncIterator[Listener]:
        """Listen to a subject while the block runs; read the database inside of it, not before."""
        channel = hint_channel(subject)
        listener = Listener()
        try:
            await self._join(channel, listener)
            yield listener
        finally:
            await self._leave(channel, listener)

    @property
    def channel_count(self) -> int:
        """Number of subjects that this process listens to."""
        return len(self._listeners)

    async def close(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
            with suppress(asyncio.CancelledError):
                await self._reader
        await self._pubsub.aclose()  # type: ignore[no-untyped-call]

    async def _publish(self, subjects: Sequence[str]) -> None:
        async def send() -> bool:
            async with self._redis.pipeline(transaction=False) as pipeline:
                for subject in subjects:
                    pipeline.publish(hint_channel(subject), b"")
                await pipeline.execute()
            return True

        if not await best_effort(send(), without="hint lost"):
            for subject in subjects:  # at least those of this process
                self._wake(hint_channel(subject))

    async def _join(self, channel: str, listener: Listener) -> None:
        joined = self._listeners.setdefault(channel, set())
        joined.add(listener)
        if len(joined) == 1:
            self._confirmations[channel] = asyncio.Event()
            if self._is_open:
                with suppress(*LOST):
                    await self._pubsub.subscribe(channel)
        if self._reader is None:
            self._reader = asyncio.create_task(self._read())
        confirmed = self._confirmations[channel]
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                await confirmed.wait()
                listener.forget()

    async def _leave(self, channel: str, listener: Listener) -> None:
        joined = self._listeners.get(channel, set())
        joined.discard(listener)
        if not joined:
            self._listeners.pop(channel, None)
            self._confirmations.pop(channel, None)
            if self._is_open:
                with suppress(*LOST):
                    await self._pubsub.unsubscribe(channel)

    async def _read(self) -> None:
        while True:
            try:
                if not self._is_open:
                    await self._connect()
                message = await self._pubsub.get_message(timeout=IDLE_SECONDS)
            except LOST as error:
                logger.warning("hints interrupted", error=describe(error))
                self._connected = False
                await asyncio.sleep(1)
                for channel in self._listeners:  # who cannot be told looks for themselves
                    self._wake(channel)
                continue
            if message is None:
                continue
            channel = message["channel"].decode()
            if message["type"] == "subscribe" and channel in self._confirmations:
                self._confirmations[channel].set()
            if message["type"] in ("message", "subscribe"):  # hints were lost before the latter
                self._wake(channel)

    @property
    def _is_open(self) -> bool:
        connection = self._pubsub.connection
        return self._connected and connection is not None and connection.is_connected

    async def _connect(self) -> None:
        """Connect anew and subscribe to every subject that is listened to.

        Only the reader does this: a handshake that two tasks read breaks for both, and one that is
        cancelled leaves its replies behind. The others send to a connection that is open.
        """
        self._connected = False
        await self._pubsub.aclose()  # type: ignore[no-untyped-call]
        self._pubsub = self._redis.pubsub()
        await self._pubsub.connect()  # type: ignore[no-untyped-call]
        self._connected = True
        if self._listeners:
            await self._pubsub.subscribe(*self._listeners)

    def _wake(self, channel: str) -> None:
        for listener in self._listeners.get(channel, ()):
            listener.wake()
