"""What code that took over a parser process could still do."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from providers.parsing.confinement import Wall
from providers.parsing.sandbox import walls

MEBIBYTE = 1024 * 1024
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Landlock and seccomp are Linux's")
CALLS = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    result = libc.syscall(number, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")
"""


def run(code: str, folder: Path, memory: int = 256 * MEBIBYTE) -> subprocess.CompletedProcess[str]:
    prelude = (
        "from pathlib import Path\n"
        "from providers.parsing.confinement import confine, limit\n"
        f"limit({memory}, 1)\n"
        f"confine([Path({str(folder / 'document')!r})])\n"
    )
    return subprocess.run(
        [sys.executable, "-c", prelude + code],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=folder,
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "document").write_text("the document")
    (tmp_path / "secret").write_text("another tenant's document")
    (tmp_path / "private").mkdir()
    return tmp_path


def state(folder: Path) -> list[tuple[object, ...]]:
    """Whatever could have been changed of the files."""
    return sorted(
        (path.name, found.st_mode, found.st_uid, found.st_size, found.st_mtime_ns)
        for path in folder.rglob("*")
        for found in [path.stat()]
    )


@pytest.mark.parametrize(
    "code",
    [
        "import socket; socket.socket()",
        "import socket; socket.socket(socket.AF_UNIX)",
        "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
        "import socket; socket.create_connection(('127.0.0.1', 9))",
        "import os; os.execv('/bin/sh', ['sh', '-c', 'true'])",
        "import subprocess; subprocess.run(['/bin/sh', '-c', 'true'])",
        "open({folder!r} + '/secret').read()",
        "open('/etc/passwd').read()",
        "open('/proc/1/environ').read()",
        "open('/proc/self/environ').read()",
        "open({folder!r} + '/document', 'a')",
        "open({folder!r} + '/new', 'w')",
        "open({folder!r} + '/private/new', 'w')",
        "import os; os.unlink({folder!r} + '/secret')",
        "import os; os.rename({folder!r} + '/secret', {folder!r} + '/private/secret')",
        "import os; os.link({folder!r} + '/secret', {folder!r} + '/private/secret')",
        "import os; os.symlink('x' * 4000, {folder!r} + '/private/note')",
        "import os; os.mkdir({folder!r} + '/private/more')",
        "import os; os.listdir('/home')",
        "import os; os.truncate({folder!r} + '/secret', 0)",
        "import os; os.chmod({folder!r} + '/secret', 0o777)",
        "import os; os.chown({folder!r} + '/secret', 1, 1)",
        "import os; os.utime({folder!r} + '/secret', (0, 0))",
        "import os; os.setxattr({folder!r} + '/secret', 'user.mark', b'1')",
        "import os; os.kill({victim}, 9)",
        "import os; os.kill({victim}, 0)",
        "import os; os.kill(-1, 9)",
        "call(234, {victim}, {victim}, 9)",  # tgkill
        "call(129, {victim}, 9, None)",  # rt_sigqueueinfo
        "import os; os.pidfd_open({victim})",
        "import fcntl; fcntl.fcntl(0, fcntl.F_SETOWN, {victim})",
        "import resource; resource.prlimit({victim}, resource.RLIMIT_CPU, (0, 0))",
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 30, 1 << 30))",
        "import os; os.fork()",
        "import os; os.setpriority(os.PRIO_PROCESS, {victim}, 19)",
        "import os; os.memfd_create('x')",
        "call(272, 0x10000000)",  # unshare(CLONE_NEWUSER)
        "call(323, 0)",  # userfaultfd
        "call(29, 1, 4096, 0o1600)",  # shmget
        "call(425, 8, ctypes.create_string_buffer(120))",  # io_uring_setup
        "call(321, 0, None, 0)",  # bpf
        "call(298, None, 0, -1, -1, 0)",  # perf_event_open
        "call(250, 0, 0, 0)",  # keyctl
        "call(308, 3, 0)",  # setns
        "call(101, 16, {victim}, 0, 0)",  # ptrace
        "call(310, {victim}, None, 0, None, 0, 0)",  # process_vm_readv
        "call(165, None, None, None, 0, None)",  # mount
        "import os; os.setresuid(0, 0, 0)",
        "import fcntl; fcntl.ioctl(0, 0x5412, b'x')",  # TIOCSTI
    ],
)
def test_everything_but_reading_and_computing_is_out_of_reach(code: str, folder: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as victim:
        try:
            before = state(folder)
            ended = run(CALLS + code.format(folder=str(folder), victim=victim.pid), folder)
            assert "PermissionError" in ended.stderr or "not allowed to raise" in ended.stderr
            assert ended.returncode == 1
            assert state(folder) == before
            assert victim.poll() is None
        finally:
            victim.kill()


def test_its_document_is_in_reach(folder: Path) -> None:
    code = f"print(open({str(folder / 'document')!r}).read())"
    assert run(code, folder).stdout == "the document\n"


def test_threads_and_their_locks_go_on_working(folder: Path) -> None:
    code = """
import threading, time
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(4) as pool:
    print(sum(pool.map(lambda n: (time.sleep(0.01), n)[1], range(100))))
"""
    assert run(code, folder).stdout == "4950\n"


def test_onnxruntime_runs_inside(folder: Path) -> None:
    from onnx import TensorProto, helper

    shape = [64, 64]
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["a", "a"], ["b"])],
        "square",
        [helper.make_tensor_value_info("a", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("b", TensorProto.FLOAT, shape)],
    )
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=9)
    (folder / "document").write_bytes(model.SerializeToString())
    code = f"""
import numpy as np, onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 2
session = onnxruntime.InferenceSession({str(folder / "document")!r}, options)
print(session.run(None, {{"a": np.ones((64, 64), dtype=np.float32)}})[0].sum())
"""
    ended = run(code, folder, memory=2048 * MEBIBYTE)
    assert ended.stdout == "262144.0\n", ended.stderr


def test_an_abort_stays_inside(folder: Path) -> None:
    assert run("import os; os.abort()", folder).returncode == -signal.SIGABRT


def test_memory_is_bounded(folder: Path) -> None:
    assert "MemoryError" in run(f"bytes({300 * MEBIBYTE})", folder).stderr


def test_the_limit_of_cpu_time_tells_itself_from_a_kill(folder: Path) -> None:
    assert run("while True: pass", folder).returncode == -signal.SIGXCPU


def test_confinement_refuses_to_leave_threads_outside(folder: Path) -> None:
    code = """
import threading
from providers.parsing.confinement import confine
threading.Thread(target=threading.Event().wait, daemon=True).start()
confine([])
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "would not be confined" in ended.stderr


async def test_which_walls_hold_is_known() -> None:
    held = await walls()
    assert {Wall.FILES, Wall.SYSTEM_CALLS} <= held
    assert (Wall.ACCOUNT in held) == (os.geteuid() == 0)


def test_a_parser_has_an_account_of_its_own(folder: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give it one")
    code = "import os; print(os.getuid() == os.getgid() != 0)"
    assert run(code, folder).stdout == "True\n"
    assert run("import os; os.seteuid(0)", folder).returncode == 1
