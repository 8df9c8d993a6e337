"""What a process that reads strangers' files gives up first: everything but reading and computing.

Each wall needs no privilege and holds for all threads that are started later. A kernel without one
leaves it out; `confine` tells which of them hold, and `python -m providers.parsing.confinement`
prints those of this machine as a JSON list.
"""

import ctypes
import json
import os
import platform
import resource
import signal
import struct
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)

_PR_SET_PDEATHSIG, _PR_SET_KEEPCAPS, _PR_SET_NO_NEW_PRIVS = 1, 8, 38
_GRACE_SECONDS = 10
"""Of CPU time between the signal that tells of the limit and the one that ends for sure."""


class Wall(StrEnum):
    """One way in which a parser process is kept from everything but its document."""

    FILES = "files"
    """Landlock (Linux 5.13): no files but its document and the runtime's own, and none to write."""
    SIGNALS = "signals"
    """Landlock's scope (Linux 6.12): no signals to processes outside."""
    SYSTEM_CALLS = "system calls"
    """seccomp: no calls but those on a list, so no network, programs, processes or new rights."""
    ACCOUNT = "account"
    """An account of its own, which only a worker that runs as root can give it."""


INDISPENSABLE = {Wall.FILES, Wall.SYSTEM_CALLS}
"""Without these a parser that a document took over reaches other people's files."""


def limit(memory_bytes: int, cpu_seconds: int) -> None:
    """Bound address space and CPU time, write no files; yield to other processes."""
    for kind, soft, hard in (
        (resource.RLIMIT_AS, memory_bytes, memory_bytes),
        (resource.RLIMIT_CPU, cpu_seconds, cpu_seconds + _GRACE_SECONDS),
        (resource.RLIMIT_FSIZE, 0, 0),
        (resource.RLIMIT_NOFILE, 128, 128),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        with suppress(ValueError):  # a system may know a limit and yet refuse it, as macOS does
            resource.setrlimit(kind, (soft, hard))
    os.nice(10)


def confine(readable: Iterable[Path]) -> list[Wall]:
    """Give up all but reading these files and the runtime's own; the walls that hold from now on.

    Only before other threads are started, which would stand outside. Raises `RuntimeError`.
    """
    if sys.platform != "linux":
        return []
    if len(os.listdir("/proc/self/task")) > 1:
        raise RuntimeError("threads that run already would not be confined")
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    walls = []
    abi = _guard_files([*readable, *_runtime_paths()])
    if abi:
        walls.append(Wall.FILES)
        # Which file it may read is then Landlock's to say, so it may pass by their modes.
        if os.geteuid() == 0 and _change_account():
            walls.append(Wall.ACCOUNT)
    if abi >= _SCOPES_ABI:
        walls.append(Wall.SIGNALS)
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # a change of account forgets it
    if _guard_system_calls():
        walls.append(Wall.SYSTEM_CALLS)
    return walls


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


# linux/landlock.h
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_FILE_RIGHTS_OF_ABI = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
"""All there are: a later version adds moving, then truncating, then the ioctls of devices."""
_NETWORK_ABI, _SCOPES_ABI = 4, 6
_ALL_TCP, _ALL_SCOPES = 3, 3
_CREATE_RULESET_VERSION = 1
_SYS_CREATE_RULESET, _SYS_ADD_RULE, _SYS_RESTRICT_SELF = 444, 445, 446
_RULE_PATH_BENEATH = 1


def _guard_files(readable: Iterable[Path]) -> int:
    """The version of Landlock whose walls hold from now on; 0: none."""
    abi: int = _libc.syscall(_SYS_CREATE_RULESET, None, ctypes.c_size_t(0), _CREATE_RULESET_VERSION)
    if abi < 1:
        return 0
    handled = [_FILE_RIGHTS_OF_ABI[max(known for known in _FILE_RIGHTS_OF_ABI if known <= abi)]]
    if abi >= _NETWORK_ABI:
        handled.append(_ALL_TCP)
    if abi >= _SCOPES_ABI:
        handled.append(_ALL_SCOPES)
    attributes = struct.pack(f"={len(handled)}Q", *handled)
    ruleset = _libc.syscall(_SYS_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    if ruleset < 0:
        return 0
    for path in readable:
        with suppress(OSError):
            opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
            rights = _READ_FILE | _READ_DIR if path.is_dir() else _READ_FILE
            rule = struct.pack("=Qi", rights, opened)
            _libc.syscall(_SYS_ADD_RULE, ruleset, _RULE_PATH_BENEATH, rule, 0)
            os.close(opened)
    confined = _libc.syscall(_SYS_RESTRICT_SELF, ruleset, 0) == 0
    os.close(ruleset)
    return abi if confined else 0


# linux/capability.h
_CAPABILITY_VERSION_3 = 0x20080522
_DAC_READ_SEARCH = 1 << 2
_FIRST_UID, _NOBODY = 2_000_000_000, 65534


def _change_account() -> bool:
    """Become a user of which there is no other process, keeping of root only the right to read."""
    _libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    for uid in (_FIRST_UID + os.getpid(), _NOBODY):  # a container may know no large ones
        with suppress(OSError):
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            break
    else:
        return False
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    sets = struct.pack("=6I", _DAC_READ_SEARCH, _DAC_READ_SEARCH, 0, 0, 0, 0)
    if _libc.capset(header, sets) != 0:
        raise OSError(ctypes.get_errno(), "capabilities are not given up")
    return True


# Numbers of system calls on x86_64 and aarch64; None where there is no such call.
_ALLOWED_CALLS: dict[str, tuple[int | None, int | None]] = {
    # memory and threads
    "futex": (202, 98), "mmap": (9, 222), "munmap": (11, 215), "mprotect": (10, 226),
    "mremap": (25, 216), "madvise": (28, 233), "brk": (12, 214), "mincore": (27, 232),
    "membarrier": (324, 283), "futex_waitv": (449, 449), "set_robust_list": (273, 99),
    "get_robust_list": (274, 100), "set_tid_address": (218, 96), "rseq": (334, 293),
    "arch_prctl": (158, None), "exit": (60, 93), "exit_group": (231, 94),
    "sched_yield": (24, 124), "sched_getaffinity": (204, 123), "sched_getparam": (143, 121),
    "sched_getscheduler": (145, 120), "sched_get_priority_max": (146, 125),
    "sched_get_priority_min": (147, 126), "getcpu": (309, 168), "getpriority": (140, 141),
    # files, as far as Landlock lets them be opened, and pipes
    "read": (0, 63), "write": (1, 64), "lseek": (8, 62), "close": (3, 57), "openat": (257, 56),
    "open": (2, None), "newfstatat": (262, 79), "fstat": (5, 80), "stat": (4, None),
    "lstat": (6, None), "statx": (332, 291), "pread64": (17, 67), "preadv": (295, 69),
    "readv": (19, 65), "writev": (20, 66), "access": (21, None), "faccessat": (269, 48),
    "faccessat2": (439, 439), "readlink": (89, None), "readlinkat": (267, 78),
    "getdents": (78, None), "getdents64": (217, 61), "getcwd": (79, 17), "statfs": (137, 43),
    "fstatfs": (138, 44), "fadvise64": (221, 223), "dup": (32, 23), "dup2": (33, None),
    "dup3": (292, 24), "pipe": (22, None), "pipe2": (293, 59),
    # waiting
    "poll": (7, None), "ppoll": (271, 73), "select": (23, None), "pselect6": (270, 72),
    "epoll_create": (213, None), "epoll_create1": (291, 20), "epoll_ctl": (233, 21),
    "epoll_wait": (232, None), "epoll_pwait": (281, 22), "epoll_pwait2": (441, 441),
    "eventfd": (284, None), "eventfd2": (290, 19), "recvfrom": (45, 207),
    "getsockopt": (55, 209), "shutdown": (48, 210), "nanosleep": (35, 101),
    "clock_nanosleep": (230, 115), "clock_gettime": (228, 113), "clock_getres": (229, 114),
    "gettimeofday": (96, 169), "time": (201, None), "restart_syscall": (219, 128),
    # its own signals, and what it is told of itself and the machine
    "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132), "getpid": (39, 172), "gettid": (186, 178), "getppid": (110, 173),
    "getuid": (102, 174), "geteuid": (107, 175), "getgid": (104, 176), "getegid": (108, 177),
    "getresuid": (118, 148), "getresgid": (120, 150), "uname": (63, 160), "sysinfo": (99, 179),
    "getrusage": (98, 165), "times": (100, 153), "getrlimit": (97, 163), "getrandom": (318, 278),
}  # fmt: skip
_BOUNDED_CALLS: dict[str, tuple[int, int]] = {
    "clone": (56, 220), "ioctl": (16, 29), "fcntl": (72, 25), "prctl": (157, 167),
    "prlimit64": (302, 261), "tgkill": (234, 131), "socketpair": (53, 199), "sendto": (44, 206),
}  # fmt: skip
"""Allowed with some arguments only, which `_bounded` has."""
_CLONE3 = 435
_NEWEST_CALL = 462
_AUDIT_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

_CLONE_THREAD = 0x10000
_IOCTLS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
"""TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX and FIOCLEX."""
_FCNTLS = (0, 1, 2, 3, 4, 1030)
"""Duplicate, descriptor flags and status flags; none that names who gets signals."""
_PRCTLS = (3, 15, 16, 23, 0x53564D41)
"""GET_DUMPABLE, SET_NAME, GET_NAME, CAPBSET_READ and SET_VMA."""

_LOAD, _EQUAL, _ABOVE, _ANY_BIT, _RETURN = 0x20, 0x15, 0x25, 0x45, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_EPERM, _ENOSYS = 1, 38
_SYS_SECCOMP = {"x86_64": 317, "aarch64": 277}
_SET_MODE_FILTER = 1

Instruction = tuple[int, int, int, int]
"""Operation, jumps if true and if false, operand: linux/filter.h."""


def _guard_system_calls() -> bool:
    """Refuse every call that is not on the list; whether that holds from now on."""
    machine = platform.machine()
    if machine not in _AUDIT_ARCHITECTURES:
        return False
    program = list(_program(machine))
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
    instructions = ctypes.create_string_buffer(code)
    header = struct.pack("@HP", len(program), ctypes.addressof(instructions))
    done: int = _libc.syscall(_SYS_SECCOMP[machine], _SET_MODE_FILTER, 0, header)
    return done == 0


def _program(machine: str) -> Iterator[Instruction]:
    """Classic BPF over `struct seccomp_data`: the call's number at 0, the architecture at 4, then
    six arguments of eight bytes from 16."""
    column = list(_AUDIT_ARCHITECTURES).index(machine)
    yield _LOAD, 0, 0, 4
    yield _EQUAL, 1, 0, _AUDIT_ARCHITECTURES[machine]
    yield _RETURN, 0, 0, _ERRNO | _EPERM
    yield _LOAD, 0, 0, 0
    for numbers in _ALLOWED_CALLS.values():
        if (number := numbers[column]) is not None:
            yield _EQUAL, 0, 1, number
            yield _RETURN, 0, 0, _ALLOW
    for name, bounded in _BOUNDED_CALLS.items():
        body = list(_bounded(name))
        yield _EQUAL, 0, len(body), bounded[column]
        yield from body
    # The C library asks for what is new and goes on with the old call when there is none.
    for test, number in ((_EQUAL, _CLONE3), (_ABOVE, _NEWEST_CALL)):
        yield test, 0, 1, number
        yield _RETURN, 0, 0, _ERRNO | _ENOSYS
    yield _RETURN, 0, 0, _ERRNO | _EPERM


def _bounded(name: str) -> Iterator[Instruction]:
    """Allow by an argument's lower half, and by its upper half too where it is an address."""
    match name:
        case "clone":
            yield from _where(0, _ANY_BIT, _CLONE_THREAD)
        case "ioctl":
            yield from _where(1, _EQUAL, *_IOCTLS)
        case "fcntl":
            yield from _where(1, _EQUAL, *_FCNTLS)
        case "prctl":
            yield from _where(0, _EQUAL, *_PRCTLS)
        case "prlimit64":
            yield from _where(0, _EQUAL, 0)  # of itself
        case "tgkill":
            yield from _where(0, _EQUAL, os.getpid())
        case "socketpair":
            yield from _where(0, _EQUAL, 1)  # AF_UNIX
        case "sendto":  # without an address: on a pair
            yield _LOAD, 0, 0, 16 + 8 * 4 + 4
            yield _EQUAL, 1, 0, 0
            yield _RETURN, 0, 0, _ERRNO | _EPERM
            yield from _where(4, _EQUAL, 0)


def _where(argument: int, test: int, *values: int) -> Iterator[Instruction]:
    yield _LOAD, 0, 0, 16 + 8 * argument
    for value in values:
        yield test, 0, 1, value
        yield _RETURN, 0, 0, _ALLOW
    yield _RETURN, 0, 0, _ERRNO | _EPERM


if __name__ == "__main__":
    print(json.dumps(confine([])), flush=True)
