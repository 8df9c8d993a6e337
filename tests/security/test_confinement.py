"""What code that took over a parser process could still do."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

MEBIBYTE = 1024 * 1024


def run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    prelude = (
        "from pathlib import Path\n"
        "from providers.parsing.confinement import confine, limit\n"
        f"limit({256 * MEBIBYTE}, 1)\n"
        f"confine([Path({str(folder / 'document')!r})], Path({str(folder / 'private')!r}))\n"
    )
    return subprocess.run(
        [sys.executable, "-c", prelude + code], capture_output=True, text=True, timeout=60
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "document").write_text("the document")
    (tmp_path / "secret").write_text("another tenant's document")
    (tmp_path / "private").mkdir()
    return tmp_path


linux = pytest.mark.skipif(sys.platform != "linux", reason="Landlock and seccomp are Linux's")


@linux
@pytest.mark.parametrize(
    "code",
    [
        "import socket; socket.socket()",
        "import socket; socket.socket(socket.AF_UNIX)",
        "import socket; socket.create_connection(('127.0.0.1', 9))",
        "import os; os.execv('/bin/sh', ['sh', '-c', 'true'])",
        "import subprocess; subprocess.run(['/bin/sh', '-c', 'true'])",
        "open({folder!r} + '/secret').read()",
        "open('/etc/passwd').read()",
        "open('/proc/1/environ').read()",
        "open({folder!r} + '/document', 'a')",
        "open({folder!r} + '/new', 'w')",
        "import os; os.unlink({folder!r} + '/secret')",
        "import os; os.rename({folder!r} + '/secret', {folder!r} + '/private/secret')",
        "import os; os.listdir('/home')",
    ],
)
def test_network_programs_and_other_files_are_out_of_reach(code: str, folder: Path) -> None:
    ended = run(code.format(folder=str(folder)), folder)
    assert ended.returncode == 1
    assert "PermissionError" in ended.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["document", "private", "secret"]


def test_its_document_and_its_folder_are_in_reach(folder: Path) -> None:
    code = f"""
document = open({str(folder / "document")!r}).read()
open({str(folder / "private" / "note")!r}, "w").write(document)
"""
    assert run(code, folder).returncode == 0
    assert (folder / "private" / "note").read_text() == "the document"


def test_memory_is_bounded(folder: Path) -> None:
    assert "MemoryError" in run(f"bytes({300 * MEBIBYTE})", folder).stderr


def test_cpu_time_is_bounded(folder: Path) -> None:
    assert run("while True: pass", folder).returncode in (-signal.SIGXCPU, -signal.SIGKILL)


def test_files_are_bounded(folder: Path) -> None:
    code = f"""
with open({str(folder / "private" / "big")!r}, "wb") as file:
    for _ in range(65):
        file.write(bytes({MEBIBYTE}))
"""
    ended = run(code, folder)
    assert ended.returncode != 0
    assert (folder / "private" / "big").stat().st_size <= 64 * MEBIBYTE
