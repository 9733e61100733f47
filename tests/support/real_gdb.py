"""A real GDB against a real `haltpoint serve`, both as programs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.forked import Forked, fork_haltpoint
from support.tee import Tee

ROOT = Path(__file__).resolve().parents[2]
BLINK = ROOT / "examples" / "blink" / "blink.elf"
READY = re.compile(r"Listening on port (\d+) for gdb connections")
PATIENCE = 120.0  # seconds for a whole GDB session, on a slow and busy machine


@dataclass
class Server:
    """A running server; ``greeting`` is what it printed before it was ready.

    ``port`` is that of the tee before it, which checks that every packet is answered once and in time;
    ``listening`` is its own.
    """

    process: Forked
    tee: Tee
    listening: int
    greeting: str

    @property
    def port(self) -> int:
        return self.tee.port

    def stop(self) -> tuple[int, str]:
        """Ask it to end; its exit status and what it wrote to stderr."""
        self.process.terminate()
        _, errors = self.process.communicate(timeout=PATIENCE)
        assert self.process.returncode is not None
        return self.process.returncode, errors


@contextmanager
def serving(probe: str, *options: str) -> Iterator[Server]:
    """`haltpoint serve` on a free port; killed at the end if it still runs. Fails for what the tee objects to."""
    process = fork_haltpoint(["serve", "--probe", probe, "--port", "0", *options])
    try:
        greeting = ""
        while not (match := READY.search(greeting)):
            line = process.stdout.readline()
            if not line:
                _, errors = process.communicate(timeout=PATIENCE)
                raise AssertionError(f"the server ended with {process.returncode}: {greeting}{errors}")
            greeting += line
        tee = Tee(int(match[1]))
        try:
            yield Server(process, tee, int(match[1]), greeting)
        finally:
            tee.close()
        assert not tee.complaints, "\n".join(tee.complaints)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def gdb_path() -> str:
    """The Arm GDB of this machine; the test is skipped where there is none."""
    path = shutil.which("arm-none-eabi-gdb") or shutil.which("gdb-multiarch")
    if path is None:
        pytest.skip("neither arm-none-eabi-gdb nor gdb-multiarch is installed")
    return path


def gdb_command(port: int, *commands: str, elf: Path | None = BLINK, connect: bool = True) -> list[str]:
    """The command line of a GDB that connects and carries out ``commands``, each echoed as "+ command"."""
    first = [f"target extended-remote 127.0.0.1:{port}"] if connect else []
    line = [gdb_path(), "-nx", "-q", "-ex", "set pagination off", "-ex", "set confirm off"]
    for command in [*first, *commands]:
        line += ["-ex", f"echo + {command}\\n", "-ex", command]
    return [*line, *([str(elf)] if elf else [])]


def run_gdb(port: int, commands: Sequence[str], elf: Path | None = BLINK, *, connect: bool = True) -> str:
    """Run the commands in one GDB session and return all it printed."""
    line = gdb_command(port, *commands, elf=elf, connect=connect)
    run = subprocess.run([*line, "-batch"], capture_output=True, text=True, timeout=PATIENCE, check=False)
    return run.stdout + run.stderr


def run_haltpoint(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end."""
    command = [sys.executable, "-m", "haltpoint", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
