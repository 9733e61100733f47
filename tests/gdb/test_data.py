"""Registers and memory at a GDB prompt: floats, TrustZone, core dumps, checksums, searches; and resets."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from support.real_gdb import BLINK, ROOT, gdb_path, run_gdb, serving

HERE = Path(__file__).parent
BOARD = f"sim:stm32f103c8,firmware={BLINK}"
EXAMPLE = ROOT / "examples" / "blink"


@pytest.fixture(scope="session")
def floats(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program in ``firmware/floats.c``, for a core with an FPU."""
    compiler = shutil.which("arm-none-eabi-gcc")
    if compiler is None:
        pytest.skip("arm-none-eabi-gcc is not installed")
    elf = tmp_path_factory.mktemp("floats") / "floats.elf"
    options = ["-mcpu=cortex-m4", "-mthumb", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard", "-Og", "-g3", "-ffreestanding"]
    linking = ["-nostdlib", "-nostartfiles", "-T", str(EXAMPLE / "stm32f103c8.ld"), "-Wl,--build-id=none"]
    sources = [str(HERE / "firmware" / "floats.c"), str(EXAMPLE / "startup.c")]
    subprocess.run([compiler, *options, *linking, *sources, "-o", str(elf)], check=True)
    return elf


def shown(transcript: str, name: str) -> str:
    """What a register is said to hold."""
    found = re.findall(rf"^{name} +(\S+)", transcript, re.MULTILINE)
    assert found, f"{name} is not shown:\n{transcript}"
    return str(found[-1])


def test_a_function_of_floats(by: str, floats: Path) -> None:
    with serving(f"sim:stm32f407vg,firmware={floats}{by}", "--connect", "under-reset") as server:
        transcript = run_gdb(
            server.port,
            [
                *("break scale", "continue", "info args", "info registers float", "finish", "print $d0 == $d0"),
                *("delete", "set $s5 = 2.5", "print $s5", "print $s4 == $s4", "stepi", "print $s5", "print sum"),
                *("set $d7 = 1.25", "info registers d7 s14 s15", "call scale(2.0, 3.0)", "print $s5"),
            ],
            elf=floats,
        )
    assert "value = 1.5\nfactor = 4\n" in transcript
    assert (shown(transcript, "s0"), shown(transcript, "s1")) == ("1.5", "4")
    assert "Value returned is $1 = 6.25" in transcript
    assert len(re.findall(r"^\$\d+ = 2.5$", transcript, re.MULTILINE)) == 3, (
        "a register that is written stays so, over a step and a call"
    )
    assert shown(transcript, "d7") == "1.25"
    assert "= 6.25\n" in transcript.split("call scale")[1]


def test_trustzones_registers() -> None:
    with serving("sim:stm32u575zi,tzen=1") as server:
        transcript = run_gdb(
            server.port,
            ["set $msplim_s = 0x20000400", "set $control_ns = 1", "info registers system", "print $msp == $msp_s"],
            elf=None,
        )
    for name, value in {"msplim_s": "0x20000400", "msplim_ns": "0x0", "control_ns": "0x1", "control_s": "0x0"}.items():
        assert shown(transcript, name) == value
    assert "$1 = 1\n" in transcript


def test_without_trustzone_there_is_one_pair_of_limits() -> None:
    with serving("sim:stm32u575zi") as server:
        transcript = run_gdb(server.port, ["set $psplim = 0x20000100", "info registers system"], elf=None)
    assert shown(transcript, "psplim") == "0x20000100"
    assert "_ns" not in transcript


def test_a_core_dump_tells_the_same_as_the_chip(by: str, tmp_path: Path) -> None:
    core = tmp_path / "chip.core"
    looks = ["bt", "print ticks", "print factor", "info registers pc sp lr xpsr r4", "x/6xw $sp"]
    with serving(BOARD + by) as server:
        alive = run_gdb(server.port, ["break remember", "continue 3", *looks, f"gcore {core}"])
    assert f"Saved corefile {core}" in alive
    line = [gdb_path(), "-nx", "-q", "-batch", "-ex", "set pagination off"]
    for look in looks[:-1]:
        line += ["-ex", f"echo + {look}\\n", "-ex", look]
    dead = subprocess.run([*line, str(BLINK), str(core)], capture_output=True, text=True, check=False).stdout
    start = "+ bt\n"
    before = alive[alive.index(start) : alive.index("+ x/6xw")]
    assert "#1  0x" in before
    assert "in main ()" in before
    assert dead[dead.index(start) :] == before


def with_another_byte_in_its_code(tmp_path: Path) -> Path:
    with BLINK.open("rb") as file:
        text = ELFFile(file).get_section_by_name(".text")
        assert text is not None
        offset = text["sh_offset"] + 0x150
    content = bytearray(BLINK.read_bytes())
    content[offset] ^= 1
    elf = tmp_path / "changed.elf"
    elf.write_bytes(content)
    return elf


def test_checksums_and_searches(by: str, tmp_path: Path) -> None:
    log = tmp_path / "packets.log"
    with serving(BOARD + by) as server:
        transcript = run_gdb(
            server.port,
            [
                f"set remotelogfile {log}",
                f"target extended-remote 127.0.0.1:{server.port}",
                "compare-sections",
                "set {int} 0x20003000 = 0x01020304",
                "find /w 0x20000000, +0x5000, 0x01020304",
                "find /b 0x08000000, +0x2000, 0x12, 0x34, 0x56, 0x78, 0x9a",
            ],
            connect=False,
        )
        other = run_gdb(server.port, ["compare-sections"], elf=with_another_byte_in_its_code(tmp_path))
    assert "Section .text, range 0x8000000 -- 0x8000158: matched." in transcript
    assert "Section .data, range 0x8000158 -- 0x800015c: matched." in transcript
    assert "0x20003000\n1 pattern found." in transcript
    assert "Pattern not found." in transcript
    sent = log.read_text(errors="replace")
    assert (sent.count("$qCRC:"), sent.count("$qSearch:memory:")) == (2, 3), "the search goes on behind what was found"
    assert "Section .text, range 0x8000000 -- 0x8000158: MIS-MATCHED!" in other
    assert "Section .data, range 0x8000158 -- 0x800015c: matched." in other


def test_resets_at_the_prompt(by: str) -> None:
    resets = ["reset halt", "reset hardware halt", "reset core halt", "reset init", "jtag_reset"]
    look = ["maintenance flush register-cache", "print $pc == Reset_Handler", "continue"]
    with serving(BOARD + by) as server:
        transcript = run_gdb(
            server.port,
            ["break main", "monitor speed 1000", *(line for reset in resets for line in (f"monitor {reset}", *look))],
        )
    assert len(re.findall(r"^\$\d = 1$", transcript, re.MULTILINE)) == len(resets)
    assert transcript.count("Breakpoint 1, main") == len(resets)
    assert "Wire clock: " in transcript
    assert "The core alone was reset" in transcript


def test_after_gdb_sync_the_next_step_shows_where_the_core_stands(by: str) -> None:
    """The way of IDEs, without any command to GDB that flushes registers."""
    with serving(BOARD + by, "--reset", "core") as server:
        transcript = run_gdb(
            server.port,
            [
                *("break remember", "continue", "monitor reset halt", "monitor gdb_sync", "stepi"),
                *("print $pc == Reset_Handler", "print ticks > 0", "starti", "print $pc == Reset_Handler"),
            ],
        )
    assert re.findall(r"^\$\d = (\d)$", transcript, re.MULTILINE) == ["1", "1", "1"]
    assert "The core alone" in transcript
