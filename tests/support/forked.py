"""``haltpoint`` started often: a parent that has imported it forks for each, which saves most of a second each time.

What runs is what ``python -m haltpoint`` runs, in a process of its own with pipes for stdout and stderr.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import IO

__all__ = ["Forked", "fork_haltpoint"]

PARENT = """
import json, os, signal, socket, sys, traceback
import haltpoint.server.board, haltpoint.server.commands.serve, haltpoint.server.listen, haltpoint.sim.board
from haltpoint.server.cli import main

def carry_out(arguments):
    try:
        return main(arguments)
    except SystemExit as end:
        return end.code
    except BaseException:
        traceback.print_exc()
        return 1

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
control = socket.socket(fileno=int(sys.argv[1]))
while True:
    request, descriptors, _, _ = socket.recv_fds(control, 1 << 16, 3)
    if not request:
        break
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        control.close()
        os.dup2(descriptors[0], 1)
        os.dup2(descriptors[1], 2)
        os.close(descriptors[0])
        os.close(descriptors[1])
        status = carry_out(json.loads(request)) or 0
        sys.stdout.flush()
        sys.stderr.flush()
        os.write(descriptors[2], bytes([status]))
        os._exit(status)
    for descriptor in descriptors:
        os.close(descriptor)
    control.send(child.to_bytes(4, "little"))
"""


@functools.cache
def _parent() -> socket.socket:
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-c", PARENT, str(theirs.fileno())]
    process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
    theirs.close()

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


class Forked:
    """As much of ``subprocess.Popen`` as tests of a server need."""

    def __init__(self, pid: int, stdout: int, stderr: int, status: int) -> None:
        self.pid = pid
        self.stdout: IO[str] = os.fdopen(stdout)
        self.stderr: IO[str] = os.fdopen(stderr)
        self.returncode: int | None = None
        self._status = os.fdopen(status, "rb", buffering=0)

    def poll(self) -> int | None:
        """The exit status, None while it runs."""
        if self.returncode is None:
            os.set_blocking(self._status.fileno(), False)
            self._wait()
        return self.returncode

    def _wait(self) -> None:
        told = self._status.read(1)
        if told is not None:
            self.returncode = told[0] if told else -signal.SIGKILL

    def send_signal(self, number: int) -> None:
        """Nothing happens when it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What is left of both outputs, once it has ended."""
        if self.stdout.closed:
            return "", ""
        said = ["", ""]

        def listen(index: int, stream: IO[str]) -> None:
            said[index] = stream.read()

        threads = [threading.Thread(target=listen, args=pair) for pair in enumerate((self.stdout, self.stderr))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout)
            if thread.is_alive():
                raise subprocess.TimeoutExpired("haltpoint", timeout or 0)
        if self.returncode is None:
            os.set_blocking(self._status.fileno(), True)
            self._wait()
        for stream in (self.stdout, self.stderr, self._status):
            stream.close()
        return said[0], said[1]


def fork_haltpoint(arguments: Sequence[str]) -> Forked:
    """Run ``haltpoint`` with these arguments."""
    pipes = [os.pipe() for _ in range(3)]
    parent = _parent()
    socket.send_fds(parent, [json.dumps(list(arguments)).encode()], [theirs for _, theirs in pipes])
    for _, theirs in pipes:
        os.close(theirs)
    pid = int.from_bytes(parent.recv(4), "little")
    return Forked(pid, *(ours for ours, _ in pipes))
