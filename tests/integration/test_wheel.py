"""The wheel, as the image installs it, holds what the commands need."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"][
    "targets"
]["wheel"]["packages"]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target=wheel", f"--directory={folder}"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    [wheel] = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder / "unpacked")
    return folder / "unpacked"


def files_of(root: Path) -> set[Path]:
    return {
        path.relative_to(root)
        for package in PACKAGES
        for path in (root / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_every_file_of_the_packages_is_in_it(unpacked: Path) -> None:
    """The web app, the phrases, the migrations and the sample are no modules."""
    assert files_of(unpacked) == files_of(ROOT)


def test_the_sample_of_the_demo_comes_out_of_it(unpacked: Path) -> None:
    script = "import cli.demo; print(cli.demo.SAMPLE, len(cli.demo.SAMPLE.read_bytes()))"
    found = subprocess.run(
        [sys.executable, "-P", "-c", script],
        env={"PYTHONPATH": str(unpacked)},
        cwd=unpacked,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    sample = ROOT / "cli" / "samples" / "tide-engine-handbook.pdf"
    assert found == [str(unpacked / sample.relative_to(ROOT)), str(sample.stat().st_size)]


def test_the_image_is_given_what_the_wheel_is_made_of() -> None:
    given = set((ROOT / ".dockerignore").read_text().splitlines())
    made_of = (*PACKAGES, "requirements", "pyproject.toml", "README.md", "LICENSE")
    assert {f"!{name}" for name in made_of} <= given
