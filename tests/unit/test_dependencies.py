"""Every direct dependency is pinned and says why it is there."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
REQUIREMENTS = [
    *PROJECT["dependencies"],
    *(r for extra in PROJECT["optional-dependencies"].values() for r in extra),
]


def name_of(requirement: str) -> str:
    return re.split(r"[\[=]", requirement)[0]


def test_each_is_pinned() -> None:
    assert [r for r in REQUIREMENTS if "==" not in r] == []


def test_each_is_justified_and_nothing_else_is() -> None:
    text = (ROOT / "docs" / "dependencies.md").read_text()
    listed = {
        name
        for cell in re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)
        for name in re.findall(r"`([^`]+)`", cell)
    }
    assert listed == {name_of(requirement) for requirement in REQUIREMENTS}


def test_nothing_installed_is_called_schema() -> None:
    """`schema` is a package of ours, and also one on the package index."""
    locked = (ROOT / "requirements" / "dev.txt").read_text()
    assert not re.search(r"^schema==", locked, re.MULTILINE)
