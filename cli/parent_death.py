"""Run a program that ends when its parent ends, however the parent ends.

Linux only delivers the parent-death signal if it is asked for after the change of user and in the
process itself, so this file runs as a script in front of the real program and then becomes it:
`python -I -S tether.py PARENT_PID SIGNAL USER PROGRAM [ARGUMENT...]`.
Elsewhere the program runs untethered.
"""

import os
import signal
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1


def tethered(
    command: Sequence[str | os.PathLike[str]], on_death: signal.Signals, user: str = ""
) -> list[str]:
    """The command line that runs `command` as `user` ("": unchanged).

    The kernel counts the thread that starts the program as its parent: start it from the main one.
    """
    head = [sys.executable, "-I", "-S", __file__, str(os.getpid()), str(on_death.value), user]
    return [*head, *(os.fspath(part) for part in command)]


def main() -> None:
    import ctypes  # here: who only builds a command line needs neither
    import pwd

    parent, on_death, user, *command = sys.argv[1:]
    if user:
        account = pwd.getpwnam(user)
        os.setgroups([])
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(on_death))
        if os.getppid() != int(parent):
            sys.exit("the parent is gone")
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
