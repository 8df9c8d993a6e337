"""Hints over a Redis whose connections break while subjects are joined and left."""

import asyncio
from uuid import UUID

import pytest

from core.errors import InvalidState
from core.ids import new_id
from core.principal import Principal
from services.container import Services
from services.hints import answer_subject, document_subject

PATIENCE_SECONDS = 30


async def test_joining_and_leaving_outlive_connections_that_break(services: Services) -> None:
    hints = services.hints
    ending = asyncio.Event()

    async def come_and_go() -> None:
        while not ending.is_set():
            async with hints.listen(answer_subject(new_id())) as listener:
                await listener.wait(0.005)

    async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as listeners:
        for _ in range(20):
            listeners.create_task(come_and_go())
        for _ in range(60):
            await services.redis.client_kill_filter(_type="pubsub")
            await asyncio.sleep(0.02)
        ending.set()

    subject = answer_subject(new_id())
    async with asyncio.timeout(PATIENCE_SECONDS), hints.listen(subject) as listener:
        await services.redis.publish(f"lectern:hint:{subject}", b"")  # past this process's own
        while not await listener.wait(1):
            await services.redis.publish(f"lectern:hint:{subject}", b"")
    assert hints.channel_count == 0


async def test_subjects_that_are_left_while_redis_is_away_are_not_joined_again(
    services: Services,
) -> None:
    left, kept = answer_subject(new_id()), answer_subject(new_id())
    async with asyncio.timeout(PATIENCE_SECONDS), services.hints.listen(kept) as listener:
        async with services.hints.listen(left):
            await services.redis.client_kill_filter(_type="pubsub")
        while not (joined := await _subscribers(services, kept)):
            await listener.wait(0.05)

        assert joined == 1
        assert await _subscribers(services, left) == 0


async def test_a_rollback_sends_no_hint_and_wakes_no_worker(
    services: Services, principal: Principal
) -> None:
    lost, sent = new_id(), new_id()

    async def announce(document_id: UUID) -> None:
        async with services.database.write(principal.user_id) as session:
            services.hints.document_changed(session, document_id)
            services.queue.wake(session, document_id)
            if document_id == lost:
                raise InvalidState("rolled back")

    async with services.redis.pubsub() as pubsub:
        await pubsub.subscribe(*(f"lectern:hint:{document_subject(id_)}" for id_ in (lost, sent)))
        with pytest.raises(InvalidState):
            await announce(lost)
        await announce(sent)

        stream = pubsub.listen()
        async with asyncio.timeout(PATIENCE_SECONDS):
            messages = [await anext(stream) for _ in range(3)]
    assert messages[-1]["channel"].decode().endswith(document_subject(sent))
    assert [await services.redis.zrem("arq:queue", str(id_)) for id_ in (lost, sent)] == [0, 1]
    await services.redis.delete(f"arq:job:{sent}")


async def _subscribers(services: Services, subject: str) -> int:
    [(_, count)] = await services.redis.pubsub_numsub(f"lectern:hint:{subject}")
    return int(count)
