"""GDB servers, Haltpoint's and its peers', each on a simulated board of its own whose transfers are counted.

All reach the board in the same way: a libusb whose bus is ``haltpoint sim``. So all run by the wall clock, and what a
server asks of a halted target on its own account counts, too.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from support.usbip_clients import PATIENCE, Bench, ended_after, free_port, simulating, wait_for  # noqa: E402

__all__ = ["BOARD", "PEERS", "Peer", "Served", "serving"]

BOARD = "sim:stm32f103re"
"""pyOCD knows its F103RC, which has the same memories, without a pack."""

HALTPOINT = (sys.executable, "-m", "haltpoint", "serve", "--probe", "stlink")
OPENOCD = ("openocd", "-f", "interface/stlink.cfg", "-f", "target/stm32f1x.cfg")


@dataclass(frozen=True)
class Peer:
    """A server: how it is started, and by which line it is known to be ready. ``semihosting`` are GDB commands."""

    name: str
    command: tuple[str, ...]
    ready: str
    semihosting: tuple[str, ...] = ()

    @property
    def there(self) -> bool:
        """Whether its program is installed."""
        return shutil.which(self.command[0]) is not None


def _peers() -> tuple[Peer, ...]:
    pyocd = os.environ.get("HALTPOINT_PYOCD", "pyocd")
    quiet = "gdb_port {port}; tcl_port disabled; telnet_port disabled"
    return (
        Peer(
            "Haltpoint",
            (*HALTPOINT, "--port", "{port}", "--semihosting", "console"),
            r"Listening on port",
        ),
        Peer(
            "OpenOCD",
            (*OPENOCD, "-c", quiet, "-c", "init; reset halt"),
            r"xPSR: 0x01000000",
            ("monitor arm semihosting enable",),
        ),
        Peer(
            "pyOCD",
            (pyocd, "gdbserver", "-t", "stm32f103rc", "--port", "{port}", "--telnet-port", "0", "-S"),
            r"GDB server (listening|started)",
        ),
    )


PEERS = _peers()


@dataclass
class Served:
    """A peer that waits for GDB at ``port``; ``stats`` is where the board writes its counts."""

    peer: Peer
    port: int
    bench: Bench
    stats: Path

    def snapshot(self, name: str) -> str:
        """GDB's command that has the counts written, as ``name``."""
        there, then = self.stats, self.stats.with_name(f"{name}.json")
        wait = f"until [ -e {there} ]; do sleep 0.01; done"
        return f"shell rm -f {there}; kill -USR1 {self.bench.process.pid}; {wait}; mv {there} {then}"

    def counted(self, name: str) -> int:
        """Bulk transfers up to a snapshot."""
        bulk: int = json.loads(self.stats.with_name(f"{name}.json").read_text())["boards"][0]["bulk"]
        return bulk

    def gdb(self, elf: Path, commands: Sequence[str]) -> str:
        """Run GDB with these commands; what it and the program wrote."""
        program = shutil.which("arm-none-eabi-gdb") or shutil.which("gdb-multiarch") or "arm-none-eabi-gdb"
        line = [program, "-nx", "-q", "-batch", str(elf)]
        for command in ("set pagination off", "set confirm off", "set remotetimeout 20", *commands):
            line += ["-ex", command]
        with (
            subprocess.Popen(
                line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            ) as gdb,
            ended_after(gdb, PATIENCE),
        ):
            return gdb.communicate()[0]


@contextmanager
def serving(peer: Peer, shim: Path, folder: Path, firmware: Path) -> Iterator[Served]:
    """Start the board with the firmware in its flash, and the peer in front of it."""
    stats = folder / "stats.json"
    with simulating(shim, folder, f"{BOARD},firmware={firmware}", "--stats", str(stats)) as bench:
        port = free_port()
        command = [word.replace("{port}", str(port)) for word in peer.command]
        with bench.starting(command) as server:
            wait_for(server, peer.ready)
            yield Served(peer, port, bench, stats)
