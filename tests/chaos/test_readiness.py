"""Readiness tells the truth, also of a database that is there and does not answer."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import psutil

from chaos.cluster import Cluster
from db.health import REVISION
from services.container import Services, open_services

BOUND_SECONDS = 30
"""For three answers that may take four seconds each, where one took more than a minute."""


@contextmanager
def frozen_postgres(cluster: Cluster) -> Iterator[None]:
    """The server and all of its backends, as on a machine that is paused."""
    assert cluster.postgres.process is not None
    server = psutil.Process(cluster.postgres.process.pid)
    family = [server, *server.children(recursive=True)]
    for process in family:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in family:
            process.send_signal(signal.SIGCONT)


async def test_a_frozen_database_is_told_in_time_again_and_again(
    cluster: Cluster, services: Services
) -> None:
    assert (await services.ready())["database"] is None

    with frozen_postgres(cluster):
        async with asyncio.timeout(BOUND_SECONDS):
            told = [(await services.ready())["database"] for _ in range(3)]

    assert all(told)
    async with asyncio.timeout(BOUND_SECONDS):
        while (await services.ready())["database"] is not None:
            pass


async def test_a_database_without_the_schema_is_not_ready(cluster: Cluster) -> None:
    async with cluster.superuser() as superuser:
        await superuser.execute("CREATE DATABASE unmigrated OWNER lectern_app")
    url = urlsplit(str(cluster.settings.database_url))
    empty = cluster.settings.model_copy(
        update={"database_url": urlunsplit(url._replace(path="/unmigrated"))}
    )

    async with open_services(empty) as services, asyncio.timeout(BOUND_SECONDS):
        told = None
        while told in (None, "TimeoutError"):  # a busy machine may take longer to connect
            told = (await services.ready())["database"]

    assert told is not None
    assert f"this version needs {REVISION}" in told
    assert "lectern migrate" in told
