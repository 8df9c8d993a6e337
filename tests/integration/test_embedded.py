"""The embedded servers: real processes that start, keep their data and leave nothing behind."""

import os
import subprocess
import sys
from pathlib import Path

import asyncpg
import psutil
import pytest
from redis import Redis

from cli.embedded import EmbeddedPostgres, EmbeddedRedis, EmbeddedServerError

PARENT = """
import sys, time
from pathlib import Path
from cli.embedded import EmbeddedPostgres, EmbeddedRedis
postgres, redis = EmbeddedPostgres(Path(sys.argv[1]), fsync="off"), EmbeddedRedis(Path(sys.argv[1]))
postgres.start()
redis.start()
print(postgres.process.pid, redis.process.pid, flush=True)
time.sleep(600)
"""


async def value(url: str, query: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_postgres_18_with_pgvector_owned_by_an_ordinary_role(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path, fsync="off") as postgres:
        url = postgres.owner_url
        assert str(await value(url, "show server_version")).startswith("18.")
        await value(url, "create extension if not exists vector")
        assert await value(url, "select '[1,2]'::halfvec <=> '[2,4]'::halfvec") == 0
        assert (
            await value(url, "select rolsuper from pg_roles where rolname = current_user") is False
        )
        assert await value(url, "show fsync") == "off"
        assert await value(url, "select lower('ÄÉ')") == "äé"


async def test_data_outlives_a_restart_and_fsync_is_on_by_default(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path) as postgres:
        assert await value(postgres.owner_url, "show fsync") == "on"
        await value(postgres.owner_url, "create table kept as select 42 as answer")
    assert not postgres.is_running()
    with EmbeddedPostgres(tmp_path) as postgres:
        assert await value(postgres.owner_url, "select answer from kept") == 42


async def test_recovers_from_a_crash_that_left_a_pid_file(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path) as postgres:
        await value(postgres.owner_url, "create table kept as select 42 as answer")
        assert postgres.process is not None
        family = psutil.Process(postgres.process.pid).children(recursive=True)
        postgres.process.kill()
        psutil.wait_procs(family, timeout=30)
    pid_file = tmp_path / "postgres" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]))  # the pid is somebody else's now
    with EmbeddedPostgres(tmp_path) as postgres:
        assert await value(postgres.owner_url, "select answer from kept") == 42


async def test_an_interrupted_first_start_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "postgres.new").mkdir()
    (tmp_path / "postgres.new" / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(tmp_path, fsync="off") as postgres:
        assert await value(postgres.owner_url, "select 1") == 1


async def test_a_path_too_long_for_a_socket(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)
    with EmbeddedPostgres(deep, fsync="off") as postgres, EmbeddedRedis(deep) as redis:
        assert await value(postgres.owner_url, "select 1") == 1
        with Redis.from_url(redis.url) as client:
            assert client.ping()
        folders = [postgres.socket_dir, redis.socket_dir]
        assert all(deep not in folder.parents for folder in folders)
    assert not any(folder.exists() for folder in folders)


def test_redis_keeps_nothing_on_disk(tmp_path: Path) -> None:
    for _ in range(2):
        with EmbeddedRedis(tmp_path) as redis, Redis.from_url(redis.url) as client:
            assert client.get("key") is None
            client.xadd("key", {"field": "value"})
    assert not list((tmp_path / "redis").iterdir())


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
def test_killing_the_parent_ends_both_and_the_next_start_waits_for_them(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, tmp_path],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        text=True,
    ) as parent:
        assert parent.stdout is not None
        servers = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
        family = [child for server in servers for child in server.children(recursive=True)]
        parent.kill()
    assert family
    with EmbeddedPostgres(tmp_path, fsync="off"), EmbeddedRedis(tmp_path) as redis:
        with Redis.from_url(redis.url) as client:
            assert client.ping()
        _, alive = psutil.wait_procs([*servers, *family], timeout=30)
        assert alive == []


def test_a_failed_start_tells_what_the_server_logged(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path, fsync="off", shared_buffers="none")
    with pytest.raises(EmbeddedServerError, match="shared_buffers"), server:
        pass
    assert server.socket_dir == server.folder or not server.socket_dir.exists()
