"""Nothing calls out: a network of its own tells who is asked for."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SECONDS = 12
"""ONNX Runtime, left to itself, looks its maker's host up some seconds after its first session."""
SCRIPT = """
import asyncio, socket, sys, threading
from pathlib import Path

asked = []
names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
names.bind(("127.0.0.1", 53))

def listen():
    while True:
        query, _ = names.recvfrom(512)
        asked.append(query[12:-5])

threading.Thread(target=listen, daemon=True).start()

from core.settings import Settings
from providers.embedding.factory import open_embedder

async def main():
    embedder = open_embedder(Settings(_env_file=None, data_dir=Path(sys.argv[1])))
    await embedder.embed_query("Who is there?")
    await asyncio.sleep(float(sys.argv[2]))
    await embedder.aclose()

asyncio.run(main())
print(asked)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace needs root")
def test_the_local_embedder_asks_for_no_host(models: Path, tmp_path: Path) -> None:
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    (tmp_path / "models").symlink_to(models, target_is_directory=True)
    inside = (
        f"mount --bind {tmp_path}/resolv.conf /etc/resolv.conf && ip link set lo up && "
        f'exec "$0" -P -c "$1" {tmp_path} {SECONDS}'
    )
    unshare = shutil.which("unshare")
    assert unshare is not None
    done = subprocess.run(
        [unshare, "--net", "--mount", "sh", "-c", inside, sys.executable, SCRIPT],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr[-2000:]
