"""The documents a client is sent: well formed, consistent with ``g``, and taken by a real GDB."""

from __future__ import annotations

import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from support.fake_target import REGIONS

from haltpoint.server.description import GENERAL, REGISTERS, description
from haltpoint.server.memory_map import memory_map

GDB = shutil.which("arm-none-eabi-gdb") or shutil.which("gdb-multiarch")
SUPPORT = Path(__file__).resolve().parents[1]


def test_target_description() -> None:
    root = ET.fromstring(description())
    assert root.findtext("architecture") == "arm"
    assert root.findtext("osabi") == "none"
    features = {feature.get("name"): [reg.get("name") for reg in feature] for feature in root.findall("feature")}
    assert features == {
        "org.gnu.gdb.arm.m-profile": [*(f"r{n}" for n in range(13)), "sp", "lr", "pc", "xpsr"],
        "org.gnu.gdb.arm.m-system": ["msp", "psp", "primask", "basepri", "faultmask", "control"],
    }
    numbers = {reg.get("name"): int(reg.get("regnum", "")) for reg in root.iter("reg")}
    assert numbers["xpsr"] == 25


def test_g_is_the_beginning_of_the_registers_in_order_of_their_numbers() -> None:
    """GDB lays ``g`` out by number; what is missing at its end it asks for by ``p``."""
    assert [spec.number for spec in REGISTERS] == sorted(spec.number for spec in REGISTERS)
    assert REGISTERS[: len(GENERAL)] == GENERAL
    assert {spec.bits for spec in GENERAL} == {32}


def test_memory_map() -> None:
    root = ET.fromstring(memory_map(reversed(REGIONS)))
    entries = [(m.get("type"), int(m.get("start", ""), 16), int(m.get("length", ""), 16)) for m in root]
    assert entries == [(region.kind, region.start, region.size) for region in REGIONS]
    assert [m.findtext("property") for m in root] == ["0x400", None, None, None, None]


SERVER = """
import trio
from haltpoint.server.listen import bind, serve
from support.fake_target import FakeBoard

class Source:
    board = FakeBoard()
    async def acquire(self):
        await self.board.target.attach()
        return self.board.target
    async def forget(self):
        pass

async def main():
    async with bind("127.0.0.1", 0) as listener:
        await serve(listener, Source(), lambda port: print(port, flush=True))

trio.run(main)
"""


@pytest.mark.skipif(GDB is None, reason="no GDB for Arm on this machine")
def test_gdb_takes_them() -> None:
    assert GDB is not None
    path = f"import sys; sys.path[:0] = [{str(SUPPORT)!r}, {str(SUPPORT.parent / 'src')!r}]\n"
    server = subprocess.Popen([sys.executable, "-c", path + SERVER], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        commands = (
            "set architecture arm",
            "set confirm off",
            f"target extended-remote 127.0.0.1:{port}",
            "info mem",
            "info registers",
            "set $control = 2",
            "print $control",
            "print/x $msp",
            "break *0x8000110",
            "continue",
            "stepi",
            "print/x $pc",
            "set var *(int *) 0x20000000 = 0x12345678",
            "output/x *(int *) 0x20000000",
            "kill",
            "run",
            "print/x $pc",
            "detach",
        )
        arguments = [word for command in commands for word in ("-ex", command)]
        gdb = subprocess.run(
            [GDB, "-nx", "-batch", *arguments], capture_output=True, text=True, timeout=60, check=False
        )
    finally:
        server.terminate()
        server.communicate(timeout=30)
    said = gdb.stdout + gdb.stderr
    for expected in (
        "Using memory regions provided by the target",
        "0x08000000 0x08010000 flash blocksize 0x400",
        "primask        0x0",
        "$1 = 2",
        "$2 = 0x20005000",
        "Breakpoint 1, 0x08000110",
        "$3 = 0x8000112",
        "0x12345678",
        "$4 = 0x8000110",
        "detached",
    ):
        assert expected in said, said
    assert "Ignoring packet error" not in said
    assert "unrecognized item" not in said
