"""The main job from end to end: GDB loads and debugs a firmware on a board, and every answer is checked.

    python examples/demo.py [PROBE]        PROBE as for `haltpoint serve --probe`; default sim:stm32f103c8

Starts `haltpoint serve`, drives an Arm GDB through one session, prints its transcript and exits 0.
Any answer that is not the expected one ends it with status 1.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parent
FIRMWARE = EXAMPLES / "blink" / "blink.elf"
SCRIPT = EXAMPLES.parent / "gdb_scripts" / "haltpoint.gdb"
READY = re.compile(r"Listening on port (\d+) for gdb connections")
PROMPT = "(gdb) "
PATIENCE = 60.0  # seconds for one answer of GDB, on a slow and busy machine


class DemoError(Exception):
    """What was expected and what came instead."""


@dataclass(frozen=True)
class Step:
    """A command for GDB, what its answer must hold, in this order, and whether it is cut short by Ctrl-C."""

    command: str
    expect: tuple[str, ...] = ()
    interrupt: bool = False


def session(port: int) -> list[Step]:
    """The session a user would have, step by step."""
    return [
        Step(f"target extended-remote 127.0.0.1:{port}", (r"Remote debugging using",)),
        Step(
            "load", (r"Loading section \.text, size 0x158 lma 0x8000000", r"Loading section \.data", r"Transfer rate")
        ),
        Step("compare-sections", (r"Section \.text.*matched", r"Section \.data.*matched")),
        Step("monitor reset halt"),
        Step("maintenance flush register-cache"),
        Step("print $pc == Reset_Handler", (r"= 1",)),
        Step("print/x $sp", (r"= 0x20005000",)),
        Step("break remember", (r"Breakpoint 1 at 0x80000b8: file .*main\.c",)),
        Step("continue", (r"Breakpoint 1, remember \(value=1\)",)),
        Step("bt", (r"#0 +remember \(value=1\)", r"#1 +0x[0-9a-f]+ in main \(\)")),
        Step("print factor", (r"= 3",)),
        Step("set variable factor = 5"),
        Step("print factor", (r"= 5",)),
        Step("next", (r"uint32_t sum = 0|history\[rounds|for \(",)),
        Step("stepi", (r"\n?(0x[0-9a-f]+|\d+)\s",)),
        Step("finish", (r"Run till exit", r"main \(\)", r"Value returned is \$\d+ = 1\b")),
        # The second round runs with the changed factor: scale(1) = 1 * 5 + 1, and the history adds up to 1 + 6.
        Step("continue", (r"Breakpoint 1, remember \(value=6\)",)),
        Step("finish", (r"Value returned is \$\d+ = 7\b",)),
        Step("delete"),
        Step("continue", (r"Program received signal SIGINT",), interrupt=True),
        Step("print ticks > 0", (r"= 1",)),
        Step("print rounds > 1", (r"= 1",)),
        Step("info registers pc xpsr msp", (r"pc +0x[0-9a-f]+", r"xpsr +0x[0-9a-f]+", r"msp +0x2000[0-9a-f]+")),
        Step("x/i $pc", (r"=> 0x80000[0-9a-f]+",)),
        Step("detach", (r"\[Inferior 1 \(Remote target\) detached\]",)),
    ]


class Reader:
    """A child's output as text, with a deadline for every wait."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.text = ""

    def read_until(self, condition: re.Pattern[str], what: str) -> str:
        """Everything up to and including ``condition``; raises DemoError when it does not come."""
        deadline = time.monotonic() + PATIENCE
        while (match := condition.search(self.text)) is None:
            remaining = deadline - time.monotonic()
            if remaining <= 0 or not select.select([self.descriptor], [], [], remaining)[0]:
                raise DemoError(f"{what}: nothing like {condition.pattern!r} within {PATIENCE:.0f} s in {self.text!r}")
            chunk = os.read(self.descriptor, 65536)
            if not chunk:
                raise DemoError(f"{what}: the program ended after saying {self.text!r}")
            self.text += chunk.decode(errors="replace")
        head, self.text = self.text[: match.end()], self.text[match.end() :]
        return head


def start_server(probe: str) -> tuple[subprocess.Popen[bytes], int]:
    """Run `haltpoint serve` on a free port; returns once it listens."""
    server = subprocess.Popen(
        [sys.executable, "-m", "haltpoint", "serve", "--probe", probe, "--port", "0"],
        stdout=subprocess.PIPE,
    )
    assert server.stdout is not None
    greeting = Reader(server.stdout.fileno()).read_until(READY, "haltpoint serve")
    print(greeting, flush=True)
    match = READY.search(greeting)
    assert match is not None
    return server, int(match[1])


def find_gdb() -> str:
    """The first GDB here that knows Arm."""
    for name in ("arm-none-eabi-gdb", "gdb-multiarch"):
        if path := shutil.which(name):
            return path
    raise DemoError("neither arm-none-eabi-gdb nor gdb-multiarch is installed")


def start_gdb() -> subprocess.Popen[bytes]:
    """GDB with the firmware's symbols and Haltpoint's script, no user's settings."""
    command = [find_gdb(), "-nx", "-q", "-x", str(SCRIPT), str(FIRMWARE)]
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=EXAMPLES / "blink",
        start_new_session=True,
    )


def run_step(gdb: subprocess.Popen[bytes], output: Reader, step: Step) -> None:
    """Send one command and check the answer."""
    assert gdb.stdin is not None
    print(f"{PROMPT}{step.command}", flush=True)
    gdb.stdin.write(f"{step.command}\n".encode())
    gdb.stdin.flush()
    answer = ""
    if step.interrupt:
        answer += output.read_until(re.compile("Continuing"), step.command)
        time.sleep(0.5)  # let the firmware run: a person would look at the LED
        gdb.send_signal(signal.SIGINT)
    answer += output.read_until(re.compile(re.escape(PROMPT) + "$"), step.command)
    answer = answer.removesuffix(PROMPT)
    print(answer, end="", flush=True)
    position = 0
    for pattern in step.expect:
        match = re.compile(pattern).search(answer, position)
        if match is None:
            raise DemoError(f"{step.command!r} should have answered {pattern!r}, but said {answer!r}")
        position = match.end()


def stop(process: subprocess.Popen[bytes]) -> int:
    """End a child politely, then firmly; its exit status."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        return process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return -1


def run(probe: str) -> None:
    """Run the whole session; raises DemoError at the first deviation."""
    server, port = start_server(probe)
    try:
        gdb = start_gdb()
        try:
            assert gdb.stdout is not None
            output = Reader(gdb.stdout.fileno())
            output.read_until(re.compile(re.escape(PROMPT) + "$"), "gdb")
            for step in session(port):
                run_step(gdb, output, step)
        finally:
            stop(gdb)
    finally:
        status = stop(server)
    if status != 0:
        raise DemoError(f"haltpoint serve ended with status {status} instead of 0")


def main(arguments: list[str]) -> int:
    """Exit status 0 when every answer was the expected one."""
    probe = arguments[0] if arguments else "sim:stm32f103c8"
    try:
        run(probe)
    except DemoError as error:
        print(f"\ndemo: {error}", file=sys.stderr)
        return 1
    print(f"\ndemo: every answer was the expected one ({probe})")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
