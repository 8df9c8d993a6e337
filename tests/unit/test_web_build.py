"""What the built web app weighs, and where its packages come from."""

import gzip
import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "server" / "web"
KILO = 1000
MEGA = 1000 * KILO


def packed(path: Path) -> int:
    return len(gzip.compress(path.read_bytes(), mtime=0))


def first_load(ending: str) -> int:
    page = (BUILT / "index.html").read_text()
    names = re.findall(rf'(?:src|href)="/(assets/[^"]+\.{ending})"', page)
    assert names
    return sum(packed(BUILT / name) for name in names)


def test_the_first_load_is_small() -> None:
    assert first_load("js") <= 45 * KILO
    assert first_load("css") <= 8 * KILO


def test_the_viewer_is_small_beside_its_worker() -> None:
    assert sum(packed(path) for path in BUILT.glob("assets/viewer-*.js")) <= 145 * KILO


def test_the_package_grows_by_seven_megabytes_at_most() -> None:
    assert sum(packed(path) for path in BUILT.rglob("*") if path.is_file()) <= 7 * MEGA


def test_nothing_is_loaded_from_elsewhere() -> None:
    for page in BUILT.glob("*.html"):
        assert re.findall(r'(?:src|href)="(?!/)[^"]*"', page.read_text()) == []


def test_the_lock_names_packages_and_no_places() -> None:
    lock = json.loads((ROOT / "web" / "package-lock.json").read_text())
    packages = [package for name, package in lock["packages"].items() if name]
    assert all("resolved" not in package for package in packages)
    assert all(package["integrity"].startswith("sha512-") for package in packages)


def test_every_language_says_everything() -> None:
    folder = ROOT / "web" / "src" / "locales"
    english = json.loads((folder / "en.json").read_text())

    def holes(message: str | dict[str, str]) -> set[str]:
        text = message if isinstance(message, str) else message["other"]
        return set(re.findall(r"\{(\w+)\}", text))

    for path in folder.glob("*.json"):
        messages = json.loads(path.read_text())
        assert list(messages) == list(english), path.name
        for key, message in messages.items():
            assert holes(message) == holes(english[key]), (path.name, key)
