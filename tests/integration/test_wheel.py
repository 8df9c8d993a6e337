"""The wheel, as the image installs it, holds what the commands need."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_sample_of_the_demo_comes_out_of_the_wheel(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target=wheel", f"--directory={tmp_path}"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    [wheel] = tmp_path.glob("*.whl")
    unpacked = tmp_path / "unpacked"
    zipfile.ZipFile(wheel).extractall(unpacked)
    script = "import cli.demo; print(cli.demo.SAMPLE, len(cli.demo.SAMPLE.read_bytes()))"
    found = subprocess.run(
        [sys.executable, "-P", "-c", script],
        env={"PYTHONPATH": str(unpacked)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    sample = ROOT / "cli" / "samples" / "tide-engine-handbook.pdf"
    assert found == [str(unpacked / sample.relative_to(ROOT)), str(sample.stat().st_size)]
