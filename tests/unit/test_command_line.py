"""`lectern` without a command, and with what every program understands."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def lectern(*arguments: str) -> str:
    command = [sys.executable, "-P", "-m", "cli.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_alone_it_shows_what_it_can_do() -> None:
    assert lectern() == lectern("--help")
    assert "  doctor " in lectern()


def test_it_knows_its_version() -> None:
    assert lectern("--version") == f"Lectern {version('lectern')}\n"


@pytest.mark.skipif(not (ROOT / ".venv/bin/lectern").exists(), reason="make uses .venv")
def test_make_adds_nothing_to_what_a_command_says() -> None:
    done = subprocess.run(
        ["make", "--old-file=.venv/embedded", "demo", "FILE=nowhere.pdf"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == "lectern: nowhere.pdf is no file: name one with --file\n"
