"""Every direct dependency is pinned and says why it is there."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
PACKAGES = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
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


def test_what_is_imported_is_declared_or_told_with_what_brings_it() -> None:
    told = set()
    for words in re.findall(r"brings (.*?)[;.|]", (ROOT / "docs" / "dependencies.md").read_text()):
        told |= set(re.findall(r"`([^`]+)`", words))
    known = set(map(canonicalize_name, told | {name_of(one) for one in REQUIREMENTS}))
    owners = packages_distributions()
    imported = {name for source in sources() for name in imports_of(source)}
    assert [
        name
        for name in sorted(imported - sys.stdlib_module_names - set(PACKAGES))
        if known.isdisjoint(map(canonicalize_name, owners[name]))
    ] == []


def sources() -> Iterator[Path]:
    for package in PACKAGES:
        yield from (ROOT / package).rglob("*.py")


def imports_of(source: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module.partition(".")[0]


def test_nothing_installed_is_called_schema() -> None:
    """`schema` is a package of ours, and also one on the package index."""
    locked = (ROOT / "requirements" / "dev.txt").read_text()
    assert not re.search(r"^schema==", locked, re.MULTILINE)
