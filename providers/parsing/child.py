"""The process that reads one file: `python -m providers.parsing.child JOB`.

JOB is JSON: path, media_type, folder, tessdata, max_pages, memory_bytes, cpu_seconds. Standard
output carries frames, each a big-endian 32-bit length and JSON: `{"pages": [...], "page_count": n}`
as often as it takes, then one of `{"end": true}`, `{"failure": [code, message, advice]}` and
`{"unavailable": reason}`.
"""

import json
import os
import struct
import sys
from pathlib import Path
from typing import Any, BinaryIO

from core.errors import ErrorCode, ParseFailure
from providers.parsing import Page
from providers.parsing.confinement import confine, limit
from providers.parsing.local import read

MAX_FRAME_BYTES = 4 * 1024 * 1024


def main() -> None:
    job = json.loads(sys.argv[1])
    frames = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not look like a frame
    path = Path(job["path"])
    limit(job["memory_bytes"], job["cpu_seconds"])
    tessdata = Path(job["tessdata"]) if job["tessdata"] else None
    confine([path, tessdata] if tessdata else [path], Path(job["folder"]))
    try:
        for window in read(path, job["media_type"], job["max_pages"], tessdata):
            send_pages(frames, window.pages, window.page_count)
        send(frames, {"end": True})
    except ParseFailure as failure:
        send(frames, {"failure": [failure.code, failure.message, failure.advice]})
    except MemoryError:
        too_large = "The document needs more memory than a parser may use."
        send(
            frames, {"failure": [ErrorCode.TOO_LARGE, too_large, "Split it and upload the parts."]}
        )
    except ImportError as error:
        send(frames, {"unavailable": str(error)})


def send_pages(frames: BinaryIO, pages: list[Page], page_count: int) -> None:
    items = [[page.number, page.text, page.width, page.height, page.words] for page in pages]
    message = {"pages": items, "page_count": page_count}
    try:
        send(frames, message)
    except OverflowError:
        if len(pages) == 1:
            raise ParseFailure(
                ErrorCode.TOO_LARGE, f"Page {pages[0].number} holds too much text."
            ) from None
        for page in pages:
            send_pages(frames, [page], page_count)


def send(frames: BinaryIO, message: dict[str, Any]) -> None:
    data = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
    if len(data) > MAX_FRAME_BYTES:
        raise OverflowError
    frames.write(struct.pack(">I", len(data)) + data)
    frames.flush()


if __name__ == "__main__":
    main()
