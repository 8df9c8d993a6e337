"""The locks in requirements/ follow pyproject.toml and name packages, never places."""

import re
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PYPROJECT["project"]["optional-dependencies"]
SETS = {"production": ["llamaparse"], "embedded": ["embedded"], "dev": list(EXTRAS)}
ENTRY = re.compile(r"^(?P<name>[a-z0-9-]+)==(?P<version>\S+)(?: ; .+)? \\$", re.MULTILINE)


def pins(lock: str) -> set[tuple[str, str]]:
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    return {(entry["name"], entry["version"]) for entry in ENTRY.finditer(text)}


@pytest.mark.parametrize(("lock", "extras"), SETS.items())
def test_the_lock_holds_every_declared_pin(lock: str, extras: list[str]) -> None:
    declared = [
        *PYPROJECT["build-system"]["requires"],
        *PYPROJECT["project"]["dependencies"],
        *(requirement for extra in extras for requirement in EXTRAS[extra]),
    ]
    wanted = {
        (requirement.name.lower(), str(requirement.specifier).removeprefix("=="))
        for requirement in map(Requirement, declared)
    }
    assert wanted <= pins(lock), "run `make lock`"


@pytest.mark.parametrize("lock", SETS)
def test_every_line_of_the_lock_is_a_pin_or_its_hash(lock: str) -> None:
    lines = (ROOT / "requirements" / f"{lock}.txt").read_text().splitlines()
    digest = re.compile(r"^    --hash=sha256:[0-9a-f]{64}(?: \\)?$")
    assert [line for line in lines if not digest.match(line) and not ENTRY.match(line)] == []


def test_what_ships_is_what_was_tested() -> None:
    assert pins("production") | pins("embedded") <= pins("dev")


def test_no_dependency_takes_the_name_of_a_package_of_ours() -> None:
    installed = packages_distributions()
    ours = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert {owner for name in ours for owner in installed.get(name, [])} <= {"lectern"}
