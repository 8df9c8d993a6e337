"""What a process that reads strangers' files gives up first: memory, files, network, programs."""

import ctypes
import os
import platform
import resource
import signal
import struct
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

TEMPORARY_BYTES = 64 * 1024 * 1024
"""The largest file a parser may write into its private folder."""

_libc = ctypes.CDLL(None, use_errno=True)

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP = 1, 38, 22


def limit(memory_bytes: int, cpu_seconds: int) -> None:
    """Bound address space, CPU time and files; die with the parent; yield to other processes."""
    for kind, value in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_FSIZE, TEMPORARY_BYTES),
        (resource.RLIMIT_NOFILE, 128),
        (resource.RLIMIT_CORE, 0),
    ):
        with suppress(ValueError):  # a system may know a limit and yet refuse it, as macOS does
            resource.setrlimit(kind, (value, value))
    os.nice(10)
    if sys.platform == "linux":
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def confine(readable: Iterable[Path], writable: Path) -> None:
    """On Linux: no network, no other programs, no files but these and the runtime's own.

    Both walls need no privilege and hold for all threads started later. Landlock (Linux 5.13)
    guards files, seccomp guards system calls; a kernel without them is left as it is.
    """
    if sys.platform != "linux":
        return
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _guard_files([*readable, *_runtime_paths()], writable)
    _guard_system_calls()


def _runtime_paths() -> list[Path]:
    """Interpreter, libraries and devices; not the working tree, where secrets may lie."""
    names = (
        "/usr",
        "/lib",
        "/lib64",
        "/etc/ld.so.cache",
        "/dev/null",
        "/dev/urandom",
        "/sys/devices",
    )
    return [Path(name) for name in (sys.prefix, sys.base_prefix, *names)]


# linux/landlock.h: rights of the first version, which later kernels keep.
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_ALL_RIGHTS = (1 << 13) - 1
_FILE_RIGHTS = _EXECUTE | _WRITE_FILE | _READ_FILE
_SYS_CREATE_RULESET, _SYS_ADD_RULE, _SYS_RESTRICT_SELF = 444, 445, 446
_RULE_PATH_BENEATH = 1


def _guard_files(readable: Iterable[Path], writable: Path) -> None:
    attributes = ctypes.create_string_buffer(struct.pack("=Q", _ALL_RIGHTS))
    ruleset = _libc.syscall(_SYS_CREATE_RULESET, attributes, ctypes.c_size_t(8), 0)
    if ruleset < 0:
        return
    rules = [(path, _READ_FILE | _READ_DIR) for path in readable]
    for path, rights in [*rules, (writable, _ALL_RIGHTS & ~_EXECUTE)]:
        with suppress(OSError):
            opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
            if not path.is_dir():
                rights &= _FILE_RIGHTS
            rule = ctypes.create_string_buffer(struct.pack("=Qi", rights, opened))
            _libc.syscall(_SYS_ADD_RULE, ruleset, _RULE_PATH_BENEATH, rule, 0)
            os.close(opened)
    _libc.syscall(_SYS_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


# linux/audit.h and the system call tables: socket, connect, execve, execveat, ptrace,
# process_vm_readv, process_vm_writev, io_uring_setup.
_FORBIDDEN_CALLS = {
    "x86_64": (0xC000003E, (41, 42, 59, 322, 101, 310, 311, 425)),
    "aarch64": (0xC00000B7, (198, 203, 221, 281, 117, 270, 271, 425)),
}
_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | 1  # EPERM
_X32_CALLS = 0x40000000
_SECCOMP_MODE_FILTER = 2


def _guard_system_calls() -> None:
    """Classic BPF over `struct seccomp_data`: the call's number at 0, the architecture at 4."""
    if platform.machine() not in _FORBIDDEN_CALLS:
        return
    architecture, calls = _FORBIDDEN_CALLS[platform.machine()]
    program = [
        (_LOAD, 0, 0, 4),
        (_JUMP_EQUAL, 0, len(calls) + 3, architecture),
        (_LOAD, 0, 0, 0),
        (_JUMP_AT_LEAST, len(calls) + 1, 0, _X32_CALLS),
        *((_JUMP_EQUAL, len(calls) - index, 0, call) for index, call in enumerate(calls)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    ]
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
    instructions = ctypes.create_string_buffer(code)
    address = ctypes.addressof(instructions)
    header = ctypes.create_string_buffer(struct.pack("@HP", len(program), address))
    _libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, header, 0, 0)
