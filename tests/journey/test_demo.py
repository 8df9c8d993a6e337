"""`lectern demo`: from nothing to a cited answer, through the public API."""

import json
import re
import subprocess
import sys
from pathlib import Path

SAMPLES = Path(__file__).parents[1] / "samples"


def demo(
    environment: dict[str, str], folder: Path, *arguments: str, typed: str = ""
) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "cli.main", "demo", *arguments],
        env=environment,
        cwd=folder,
        input=typed,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode, done.stdout


def test_the_sample_is_uploaded_and_quoted_and_the_account_is_kept(
    environment: dict[str, str], tmp_path: Path
) -> None:
    status, output = demo(environment, tmp_path)
    assert status == 0, output
    assert "waxed linen. [1]" in output
    assert "[1] tide-engine-handbook.pdf, page 3, word for word" in output
    assert "“Spare chains hang in the north room, oiled and wrapped in waxed linen.”" in output
    assert "Traceback" not in output
    kept = tmp_path / "data" / "demo.json"
    account = json.loads(kept.read_text())
    assert f"Account {account['email']}, password {account['password']}" in output
    assert kept.stat().st_mode & 0o077 == 0

    diary = str(SAMPLES / "keeper-diary.txt")
    typed = "What did the keeper write?\nAnd where?\n"
    status, output = demo(environment, tmp_path, "--file", diary, typed=typed)
    assert status == 0, output
    assert account["email"] in output
    assert re.findall(r"^(What did|And where).*", output, re.MULTILINE) == ["What did", "And where"]
    assert output.count("the whole answer after") == 2

    status, output = demo(environment, tmp_path, "--file", diary)
    assert status == 0, output
    assert "keeper-diary.txt (1.1 kB) was there already" in output
    assert "the whole answer after" not in output
    assert "document ready" not in output


def test_a_document_that_cannot_be_read_says_why(
    environment: dict[str, str], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"%PDF-1.7\nnothing else")
    status, output = demo(environment, tmp_path, "--file", str(broken))
    assert status == 1
    assert "Traceback" not in output
    assert "The PDF is damaged and cannot be read." in output


def test_a_missing_file_is_named_in_one_line(environment: dict[str, str], tmp_path: Path) -> None:
    status, output = demo(environment, tmp_path, "--file", "nowhere.pdf")
    assert status == 1
    assert output == "lectern: nowhere.pdf is no file: name one with --file\n"
    assert not (tmp_path / "data").exists()
