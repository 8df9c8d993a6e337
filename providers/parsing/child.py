"""The process that reads one file: `python -m providers.parsing.child JOB`.

JOB is JSON: path, media_type, folder, tessdata, max_pages, memory_bytes, cpu_seconds. Standard
output carries frames, each a big-endian 32-bit length and JSON: `{"pages": [...], "page_count": n,
"warnings": [...]}` as often as it takes, then one of `{"end": true}`, `{"failure": [code, message,
advice]}`, `{"out_of_memory": true}` and `{"unavailable": reason}`.
"""

import json
import os
import struct
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from core.blocks import dump_blocks, dump_warnings
from core.errors import ErrorCode, ParseFailure
from providers.parsing import PageWindow
from providers.parsing.confinement import confine, limit
from providers.parsing.formats import Source, find_reader

MAX_FRAME_BYTES = 4 * 1024 * 1024


def main() -> None:
    job = json.loads(sys.argv[1])
    frames = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not look like a frame
    tempfile.tempdir = job["folder"]  # libraries ask for its name; nothing can be written there
    path = Path(job["folder"], "document.pdf")  # liteparse goes by the name, others by the type
    path.symlink_to(job["path"])
    tessdata = Path(job["tessdata"]) if job["tessdata"] else None
    source = Source(path, job["media_type"], job["max_pages"], tessdata)
    limit(job["memory_bytes"], job["cpu_seconds"])
    try:
        reader = find_reader(source.media_type)  # later on the project's modules cannot be read
        confine([path, tessdata] if tessdata else [path])
        for window in reader.read(source):
            send_window(frames, window)
        send(frames, {"end": True})
    except ParseFailure as failure:
        send(frames, {"failure": [failure.code, failure.message, failure.advice]})
    except MemoryError:
        send(frames, {"out_of_memory": True})
    except ImportError as error:
        send(frames, {"unavailable": str(error)})


def send_window(frames: BinaryIO, window: PageWindow) -> None:
    items = [
        [page.number, page.text, page.width, page.height, page.words, dump_blocks(page.blocks)]
        for page in window.pages
    ]
    warnings = dump_warnings(window.warnings)
    try:
        send(frames, {"pages": items, "page_count": window.page_count, "warnings": warnings})
    except OverflowError:
        if len(window.pages) == 1:
            raise ParseFailure(
                ErrorCode.TOO_LARGE, f"Page {window.pages[0].number} holds too much text."
            ) from None
        for page in window.pages:
            send_window(frames, replace(window, pages=[page]))


def send(frames: BinaryIO, message: dict[str, Any]) -> None:
    data = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
    if len(data) > MAX_FRAME_BYTES:
        raise OverflowError
    frames.write(struct.pack(">I", len(data)) + data)
    frames.flush()


if __name__ == "__main__":
    main()
