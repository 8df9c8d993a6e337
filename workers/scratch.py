"""Temporary files of workers, which do not pile up when workers are killed."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "lectern-worker-"


@contextmanager
def scratch_folder() -> Iterator[None]:
    """Keep what `tempfile` makes in one folder, locked while its worker lives.

    Folders that nobody holds any more are deleted first.
    """
    parent = Path(tempfile.gettempdir())
    for folder in parent.glob(f"{_PREFIX}*"):
        _delete_if_free(folder)
    draft = Path(tempfile.mkdtemp(prefix="lectern-draft-"))
    with _opened(draft) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        folder = draft.rename(parent / draft.name.replace("lectern-draft-", _PREFIX))
        tempfile.tempdir = str(folder)
        try:
            yield
        finally:
            tempfile.tempdir = None
            shutil.rmtree(folder, ignore_errors=True)


def _delete_if_free(folder: Path) -> None:
    with suppress(OSError), _opened(folder) as descriptor:  # also when it is another user's
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
