"""Programs that are not ours on simulated boards: `haltpoint sim`, the libusb replacement, and its users."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHIM_SOURCES = ROOT.parent / "shared" / "tools" / "usbip-libusb"
LIBUSB_HEADER = Path("/usr/include/libusb-1.0/libusb.h")
READY = re.compile(r"Listening on port (\d+) for USB/IP clients")
PATIENCE = 120.0  # seconds for one program, on a slow and busy machine


@dataclass(frozen=True)
class Cost:
    """One row of the table: what a command of a client moved over USB, and how long it took by the wall."""

    client: str
    command: str
    bulk_out: int
    bulk_in: int
    bytes_out: int
    bytes_in: int
    seconds: float


COSTS: list[Cost] = []
"""What ran in the present test; it goes with the test's report."""


# --- what has to be there


def need(program: str) -> str:
    """The path of an installed program; the test is skipped with a reason where it is absent."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed")
    return path


def build_shim(folder: Path) -> Path:
    """Build the libusb whose bus is a USB/IP server; skipped where its sources or a compiler are absent."""
    if not SHIM_SOURCES.is_dir():
        pytest.skip(f"the libusb replacement is not there: {SHIM_SOURCES}")
    if not LIBUSB_HEADER.is_file():
        pytest.skip(f"the header of libusb is not installed: {LIBUSB_HEADER}")
    for name in ("Makefile", "shim.c", "redirect.c"):
        shutil.copyfile(SHIM_SOURCES / name, folder / name)
    run = subprocess.run(
        [need("make"), "-C", str(folder), f"CC={need('gcc')}"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return folder


# --- firmware


@dataclass(frozen=True)
class Firmware:
    """A compiled firmware: as ELF, as Intel hex and as the bytes from 0x08000000 on."""

    elf: Path
    hex: Path
    bin: Path

    @property
    def image(self) -> bytes:
        """The bytes of the flash."""
        return self.bin.read_bytes()


def compile_firmware(folder: Path, *sources: Path, name: str = "", defines: Sequence[str] = ()) -> Firmware:
    """Compile firmware for an STM32F103C8 from C files; ``defines`` are NAME=VALUE."""
    gcc, objcopy = need("arm-none-eabi-gcc"), need("arm-none-eabi-objcopy")
    blink = ROOT / "examples" / "blink"
    elf = folder / f"{name or sources[0].stem}.elf"
    flags = "-mcpu=cortex-m3 -mthumb -Og -g3 -gdwarf-4 -Wall -Wextra -Werror -ffreestanding -nostdlib -nostartfiles"
    command = [gcc, *flags.split(), "-T", str(blink / "stm32f103c8.ld"), "-Wl,--build-id=none"]
    command += [f"-D{define}" for define in defines]
    command += [*map(str, sources), str(blink / "startup.c"), "-lgcc", "-o", str(elf)]
    steps = [command]
    for kind, form in (("hex", "ihex"), ("bin", "binary")):
        steps.append([objcopy, "-O", form, str(elf), str(elf.with_suffix(f".{kind}"))])
    for step in steps:
        run = subprocess.run(step, capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert run.returncode == 0, run.stderr
    return Firmware(elf, elf.with_suffix(".hex"), elf.with_suffix(".bin"))


def symbol(firmware: Firmware, name: str) -> str:
    """The address of a variable or function, as 0x20000000."""
    listing = subprocess.run(
        [need("arm-none-eabi-nm"), str(firmware.elf)], capture_output=True, text=True, timeout=PATIENCE, check=True
    ).stdout
    found = re.search(rf"^([0-9a-f]+) \w {name}$", listing, re.MULTILINE)
    assert found, listing
    return f"0x{found[1]}"


# --- one board and its clients


@dataclass
class Outcome:
    """How a program ended and what it wrote, stdout before stderr."""

    status: int
    text: str
    seconds: float

    def check(self) -> Outcome:
        """Fail the test with the program's words unless it ended well."""
        assert self.status == 0, f"exit status {self.status}\n{self.text}"
        return self


@dataclass
class Bench:
    """A running `haltpoint sim` with one board, and the environment that makes programs see it."""

    process: subprocess.Popen[str]
    port: int
    shim: Path
    folder: Path
    trace: Path | None = None
    _runs: int = field(default=0)

    def environment(self, stats: Path | None = None) -> dict[str, str]:
        """The variables that put the simulated bus under a program."""
        added: Mapping[str, str] = {
            "USBIP_SERVER": f"127.0.0.1:{self.port}",
            "USBIP_CACHE": "",
            "LD_LIBRARY_PATH": str(self.shim),
            "LD_PRELOAD": str(self.shim / "libusbip-redirect.so"),
        }
        if stats is not None:
            added = {**added, "USBIP_STATS": str(stats)}
        return {**os.environ, **added}

    def run(
        self, command: Sequence[str], *, name: str = "", patience: float = PATIENCE, cwd: Path | None = None
    ) -> Outcome:
        """Run a program to its end. With ``name`` ("client: command") its cost goes into the table."""
        with self.starting(command, name=name, cwd=cwd) as process:
            started = time.perf_counter()
            output, _ = process.communicate(timeout=patience)
            return Outcome(process.returncode, output, time.perf_counter() - started)

    @contextmanager
    def starting(
        self, command: Sequence[str], *, name: str = "", cwd: Path | None = None
    ) -> Iterator[subprocess.Popen[str]]:
        """Run a program while the block lasts; ended, and killed if need be, when it is left."""
        self._runs += 1
        stats = self.folder / f"stats-{self._runs}.jsonl"
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=cwd or self.folder,
            env=self.environment(stats),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        try:
            yield process
        finally:
            _end(process)
            if name:
                _note_cost(name, stats, time.perf_counter() - started)

    def stop(self) -> int:
        """Ask the server to end; its exit status."""
        self.process.terminate()
        return self.process.wait(timeout=PATIENCE)


def _end(process: subprocess.Popen[str]) -> None:
    """Leave nothing of a program's process group behind."""
    if process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def _note_cost(name: str, stats: Path, seconds: float) -> None:
    latest: dict[int, dict[str, dict[str, int]]] = {}
    if stats.exists():
        for line in stats.read_text().splitlines():
            record = json.loads(line)
            latest[record["pid"]] = record
    total = dict.fromkeys(("out", "in", "out bytes", "in bytes"), 0)
    for record in latest.values():
        for way in ("out", "in"):
            total[way] += record[f"bulk_{way}"]["n"]
            total[f"{way} bytes"] += record[f"bulk_{way}"]["bytes"]
    client, _, command = name.partition(": ")
    COSTS.append(Cost(client, command, total["out"], total["in"], total["out bytes"], total["in bytes"], seconds))


@contextmanager
def simulating(
    shim: Path, folder: Path, board: str = "sim:stm32f103c8", *options: str, trace: bool = False
) -> Iterator[Bench]:
    """`haltpoint sim BOARD` on a free port while the block lasts."""
    command = [sys.executable, "-m", "haltpoint", "sim", board, "--port", "0", *options]
    trace_file = folder / "trace.txt" if trace else None
    if trace_file is not None:
        command += ["--trace", str(trace_file)]
    errors = folder / "server-errors.txt"
    with errors.open("w") as sink:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=sink, text=True)
    try:
        assert process.stdout is not None
        greeting = ""
        with ended_after(process, PATIENCE):
            while not (match := READY.search(greeting)):
                line = process.stdout.readline()
                assert line, f"the server ended: {greeting}{errors.read_text()}"
                greeting += line
        yield Bench(process, int(match[1]), shim, folder, trace_file)
        assert not process.poll(), f"the server died: {errors.read_text()}"
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def free_port() -> int:
    """A TCP port that nobody listens on, for programs that cannot choose one themselves."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port: int = trial.getsockname()[1]
        return port


def wait_for(process: subprocess.Popen[str], pattern: str, patience: float = PATIENCE) -> re.Match[str]:
    """Read a program's output until a line matches; what it wrote so far is in the failure otherwise."""
    assert process.stdout is not None
    seen = ""
    with ended_after(process, patience):
        while line := process.stdout.readline():
            seen += line
            if match := re.search(pattern, line):
                return match
    raise AssertionError(f"it ended, or was ended after {patience:.0f} s, without {pattern!r}:\n{seen}")


@contextmanager
def ended_after(process: subprocess.Popen[str], patience: float) -> Iterator[None]:
    """Kill a program that keeps the block waiting for longer than ``patience`` seconds: its output ends then."""
    timer = threading.Timer(patience, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def gdb(port: int, commands: Sequence[str], elf: Path | None = None, *, extended: bool = True) -> Outcome:
    """One session of a real GDB with a server at ``port``; every command is echoed as "+ command"."""
    program = shutil.which("arm-none-eabi-gdb") or shutil.which("gdb-multiarch")
    if program is None:
        pytest.skip("neither arm-none-eabi-gdb nor gdb-multiarch is installed")
    line = [program, "-nx", "-q", "-batch", "-ex", "set pagination off", "-ex", "set confirm off"]
    kind = "extended-remote" if extended else "remote"
    for command in ["set remotetimeout 20", f"target {kind} 127.0.0.1:{port}", *commands]:
        line += ["-ex", f"echo + {command}\\n", "-ex", command]
    started = time.perf_counter()
    run = subprocess.run(
        [*line, *([str(elf)] if elf else [])],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return Outcome(run.returncode, run.stdout, time.perf_counter() - started)
