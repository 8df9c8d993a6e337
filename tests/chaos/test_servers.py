"""PostgreSQL crashes, connections are cut, Redis goes and forgets."""

import asyncio

import pytest
from redis import Redis

from chaos.cluster import Cluster, frozen, upload
from chaos.contents import text_file
from chaos.history import check
from core.principal import Principal
from services.container import Services


async def test_postgres_crashes_in_the_middle(
    cluster: Cluster, services: Services, owner: Principal
) -> None:
    files = [text_file(f"crash {n}", 40) for n in range(4)]
    cluster.embeddings.answering.clear()
    acknowledged = {(await upload(services, owner, *file)).id: file for file in files}
    await cluster.worker_of(next(iter(acknowledged)))
    cluster.crash_postgres()
    cluster.embeddings.answering.set()
    assert (await check(cluster, services, owner, acknowledged)) == {"READY": 4}


async def test_every_connection_is_cut_again_and_again(
    cluster: Cluster, services: Services, owner: Principal
) -> None:
    files = [text_file(f"cut {n}", 40) for n in range(4)]
    acknowledged = {(await upload(services, owner, *file)).id: file for file in files}
    for _ in range(5):
        await asyncio.sleep(0.3)
        async with cluster.superuser() as connection:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'lectern'"
            )
    assert (await check(cluster, services, owner, acknowledged)) == {"READY": 4}


async def test_without_redis(cluster: Cluster, services: Services, owner: Principal) -> None:
    files = [text_file(f"no redis {n}") for n in range(3)]
    acknowledged = {(await upload(services, owner, *files[0])).id: files[0]}
    cluster.crash_redis()
    acknowledged |= {(await upload(services, owner, *file)).id: file for file in files[1:]}
    assert (await check(cluster, services, owner, acknowledged)) == {"READY": 3}


@pytest.mark.long
async def test_redis_forgets_everything(
    cluster: Cluster, services: Services, owner: Principal
) -> None:
    files = [text_file(f"flushed {n}") for n in range(3)]
    cluster.stop_working()
    acknowledged = {(await upload(services, owner, *file)).id: file for file in files}
    with Redis.from_url(cluster.redis.url) as redis:
        redis.flushall()
    cluster.keep_working(2)
    assert (await check(cluster, services, owner, acknowledged)) == {"READY": 3}


@pytest.mark.long
async def test_a_hanging_redis_holds_nothing_up_for_long(
    cluster: Cluster, services: Services, owner: Principal
) -> None:
    name, content = text_file("hanging redis")
    with frozen(cluster.redis.process):
        document = await upload(services, owner, name, content)
        seen = await check(cluster, services, owner, {document.id: (name, content)})
    assert seen == {"READY": 1}
