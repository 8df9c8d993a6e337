"""One cluster for each test process; every test finds it whole and may break it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from chaos.cluster import Cluster, register
from core.principal import Principal
from services.container import Services


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("chaos")) as cluster:
        yield cluster


@pytest.fixture
def cluster(servers: Cluster) -> Cluster:
    servers.embeddings.answering.set()
    for server in (servers.postgres, servers.redis):
        if not server.is_running():
            server.start()
    servers.keep_working(2)
    return servers


@pytest.fixture
async def services(cluster: Cluster) -> AsyncIterator[Services]:
    async with cluster.services() as services:
        yield services


@pytest.fixture
async def owner(services: Services) -> Principal:
    return await register(services)
