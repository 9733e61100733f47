"""A GDB that is spoken to line by line, so that what it says of its own accord can be waited for."""

from __future__ import annotations

import os
import re
import selectors
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.real_gdb import BLINK, PATIENCE, gdb_path

PROMPT = "(gdb) "


class Dialogue:
    """One GDB. What it says because of a command and what it says of its own accord come in any order."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.transcript = ""
        self._since = 0
        self._said = 0

    def say(self, command: str) -> str:
        """Wait until the command is done; what was said meanwhile."""
        self._said += 1
        mark = f"[{self._said} is done]"
        self.send(command)
        self._write(f"echo {mark}\\n")
        return self.wait(re.escape(mark) + r"\n").replace(PROMPT, "").removesuffix(mark + "\n")

    def send(self, command: str) -> None:
        """Without waiting."""
        self._since = len(self.transcript)
        self._write(command)

    def _write(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def interrupt(self) -> None:
        """What Ctrl-C does."""
        os.kill(self._process.pid, 2)

    def wait(self, pattern: str) -> str:
        """What was said since the last command, up to and with what matches ``pattern``."""
        end = time.monotonic() + PATIENCE
        while not (found := re.search(pattern, self.transcript[self._since :])):
            piece = self._read(end - time.monotonic())
            assert piece, f"GDB did not say {pattern!r}:\n{self.transcript}"
            self.transcript += piece
        return self.transcript[self._since : self._since + found.end()]

    def _read(self, patience: float) -> str:
        out = self._process.stdout
        assert out is not None
        with selectors.DefaultSelector() as selector:
            selector.register(out, selectors.EVENT_READ)
            return os.read(out.fileno(), 65536).decode(errors="replace") if selector.select(max(patience, 0)) else ""


@contextmanager
def gdb(*first: str, elf: Path = BLINK) -> Iterator[Dialogue]:
    """A GDB that has carried out the commands ``first``; ended at the end."""
    line = [gdb_path(), "-nx", "-q", "-ex", "set pagination off", "-ex", "set confirm off", str(elf)]
    process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    dialogue = Dialogue(process)
    try:
        for command in first:
            dialogue.say(command)
        yield dialogue
    finally:
        process.kill()
        process.communicate()
