"""The environment of someone who has just cloned the repository."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.configuration import variable
from cli.embedded import EmbeddedPostgres, EmbeddedRedis
from core.settings import Settings
from support.language_model import model_in_thread
from support.product import Product
from support.replicas import Cluster, prepare


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Nothing of ours is set but a data folder and any free port."""
    ours = {variable(name) for name in Settings.model_fields}
    inherited = {name: value for name, value in os.environ.items() if name not in ours}
    return inherited | {"LECTERN_DATA_DIR": str(tmp_path / "data"), "LECTERN_PORT": "0"}


@pytest.fixture(scope="module")
def cluster(
    postgres: EmbeddedPostgres, models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    models.mkdir(parents=True, exist_ok=True)
    (folder / "models").symlink_to(models, target_is_directory=True)
    with EmbeddedRedis(folder) as redis, model_in_thread() as model:
        settings = Settings(
            _env_file=None,
            DATABASE_URL=postgres.app_url,
            REDIS_URL=redis.url,
            database_owner_url=postgres.owner_url,
            data_dir=folder,
        )
        environment = {
            "OPENAI_BASE_URL": model.url,
            "LECTERN_ANSWERER": "openai",
            "LECTERN_MAX_USER_CONNECTIONS": "5000",
            "LECTERN_LOG_LEVEL": "WARNING",
        }
        with Product(settings, **environment) as product:
            product.work()
            urls = [product.serve()[0] for _ in range(2)]
            token = asyncio.run(prepare(folder, urls[0]))
            yield Cluster(product, model, redis, urls, token)
