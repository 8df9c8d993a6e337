"""The environment of someone who has just cloned the repository."""

import os
from pathlib import Path

import pytest

from cli.configuration import variable
from core.settings import Settings


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Nothing of ours is set but a data folder and any free port."""
    ours = {variable(name) for name in Settings.model_fields}
    inherited = {name: value for name, value in os.environ.items() if name not in ours}
    return inherited | {"LECTERN_DATA_DIR": str(tmp_path / "data"), "LECTERN_PORT": "0"}
