"""The documents a client is sent: well formed, consistent with ``g``, and taken by a real GDB."""

from __future__ import annotations

import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from support.fake_target import CORTEX_M3, REGIONS

from haltpoint.arm.identify import CoreInfo
from haltpoint.server.description import GENERAL, description, registers_of
from haltpoint.server.memory_map import memory_map

GDB = shutil.which("arm-none-eabi-gdb") or shutil.which("gdb-multiarch")
SUPPORT = Path(__file__).resolve().parents[1]


CORTEX_M4 = replace(CORTEX_M3, name="Cortex-M4", fpu=True)
CORTEX_M0 = replace(CORTEX_M3, name="Cortex-M0", main_extension=False)
CORTEX_M33 = replace(CORTEX_M4, name="Cortex-M33", armv8=True)
WITH_TRUSTZONE = replace(CORTEX_M33, name="TrustZone", secure=True)
CORTEX_M23 = replace(CORTEX_M0, name="Cortex-M23", armv8=True, secure=True)
CORTEX_M55 = replace(CORTEX_M33, name="Cortex-M55", vectors=True)
CORES = [CORTEX_M0, CORTEX_M3, CORTEX_M4, CORTEX_M33, WITH_TRUSTZONE, CORTEX_M23, CORTEX_M55]


def features(core: CoreInfo) -> dict[str, list[str]]:
    root = ET.fromstring(description(registers_of(core)))
    assert root.findtext("architecture") == "arm"
    assert root.findtext("osabi") == "none"
    return {
        str(feature.get("name")).removeprefix("org.gnu.gdb.arm."): [str(reg.get("name")) for reg in feature]
        for feature in root.findall("feature")
    }


SYSTEM = ["msp", "psp", "primask", "basepri", "faultmask", "control"]
FLOATS = [*(f"d{n}" for n in range(16)), "fpscr"]


def test_target_description() -> None:
    assert features(CORTEX_M3) == {
        "m-profile": [*(f"r{n}" for n in range(13)), "sp", "lr", "pc", "xpsr"],
        "m-system": SYSTEM,
    }
    numbers = {reg.get("name"): int(reg.get("regnum", "")) for reg in ET.fromstring(description(GENERAL)).iter("reg")}
    assert numbers["xpsr"] == 25


def test_a_core_without_the_main_extension_has_two_special_registers() -> None:
    assert features(CORTEX_M0)["m-system"] == ["msp", "psp", "primask", "control"]


def test_floats_are_double_registers_with_their_status() -> None:
    """GDB makes s0 to s31 of them itself, and takes 16 or 32 doubles and nothing else."""
    assert features(CORTEX_M4)["vfp"] == FLOATS
    assert "vfp" not in features(CORTEX_M3)


def test_stack_limits_without_trustzone_are_those_of_the_one_state_there_is() -> None:
    assert features(CORTEX_M33)["m-system"] == [*SYSTEM, "msplim", "psplim"]
    limits = [spec.regsel for spec in registers_of(CORTEX_M33) if spec.name.endswith("lim")]
    assert limits == [0x1E, 0x1F], "the Secure ones read as 0 there"


def test_trustzone_doubles_what_it_doubles() -> None:
    secext = features(WITH_TRUSTZONE)["secext"]
    assert secext[:4] == ["msp_ns", "psp_ns", "msp_s", "psp_s"], "GDB drops the description without these"
    assert set(secext[4:]) == {f"{name}_{state}" for name in ("msplim", "psplim", *SYSTEM[2:]) for state in ("s", "ns")}
    assert features(WITH_TRUSTZONE)["m-system"] == SYSTEM
    assert "secext" not in features(CORTEX_M33)


def test_a_cortex_m23_with_trustzone_has_limits_on_the_secure_side_alone() -> None:
    assert features(CORTEX_M23)["secext"][4:] == ["msplim_s", "psplim_s"]


def test_vector_predication() -> None:
    assert features(CORTEX_M55)["m-profile-mve"] == ["vpr"]
    assert "m-profile-mve" not in features(CORTEX_M33)


@pytest.mark.parametrize("core", CORES, ids=lambda core: core.name)
def test_g_is_the_beginning_of_the_registers_in_order_of_their_numbers(core: CoreInfo) -> None:
    """GDB lays ``g`` out by number; what is missing at its end it asks for by ``p``."""
    registers = registers_of(core)
    numbers = [spec.number for spec in registers]
    assert numbers == sorted(set(numbers))
    assert registers[: len(GENERAL)] == GENERAL
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
