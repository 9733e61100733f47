"""Breakpoints, watchpoints and steps at a GDB prompt, through an ST-Link and an FTDI probe."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.real_gdb import ROOT, run_gdb, serving

HERE = Path(__file__).parent
BLINK = ROOT / "examples" / "blink"
FUNCTIONS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


@pytest.fixture(scope="session")
def firmware(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program in ``firmware/points.c``."""
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("arm-none-eabi-gcc is not installed")
    elf = tmp_path_factory.mktemp("firmware") / "points.elf"
    options = ["-mcpu=cortex-m3", "-mthumb", "-Og", "-g3", "-ffreestanding", "-nostdlib", "-nostartfiles"]
    sources: list[str | Path] = [HERE / "firmware" / "points.c", BLINK / "startup.c"]
    linking: list[str | Path] = ["-T", BLINK / "stm32f103c8.ld", "-Wl,--build-id=none"]
    subprocess.run(["arm-none-eabi-gcc", *options, *linking, *sources, "-o", elf], check=True)
    return elf


@dataclass
class Debugged:
    """What a GDB session printed, and the packets it sent, in order."""

    transcript: str
    packets: list[str]

    def count(self, start: str) -> int:
        return sum(packet.startswith(start) for packet in self.packets)

    @property
    def values(self) -> list[int]:
        found = re.findall(r"^\$\d+ = (0x[0-9a-f]+|-?\d+)", self.transcript, re.MULTILINE)
        return [int(text, 0) for text in found]


def debug(firmware: Path, by: str, commands: Sequence[str], *options: str) -> Debugged:
    """A session on a board that holds the firmware, from its reset vector on."""
    log = firmware.with_name("packets.log")
    log.unlink(missing_ok=True)
    with serving(f"sim:stm32f103c8,firmware={firmware}{by}", "--connect", "under-reset", *options) as server:
        first = [f"set remotelogfile {log}", f"target extended-remote 127.0.0.1:{server.port}"]
        transcript = run_gdb(server.port, [*first, *commands], firmware, connect=False)
        status, errors = server.stop()
    assert status == 0, errors
    packets = re.findall(r"\$([^#]*)#", "\n".join(re.findall(r"^w (.*)$", log.read_text(), re.MULTILINE)))
    return Debugged(transcript, packets)


def test_watchpoints(firmware: Path, by: str) -> None:
    commands = ["tbreak main", "continue", "watch last.count", "continue", "info symbol $pc", "continue", "delete"]
    commands += ["rwatch limit", "continue", "x/i $pc", "awatch bytes[5]", "continue", "continue", "info watchpoints"]
    seen = debug(firmware, by, commands)
    text = seen.transcript
    assert text.count("Hardware watchpoint 2: last.count\n\nOld value = ") == 2
    assert "New value = 1\n" in text
    assert "New value = 2\n" in text
    assert "record + 20 in section .text" in text, "the instruction behind the store"
    assert text.count("Hardware read watchpoint 3: limit\n\nValue = 7") == 2
    assert re.search(
        r"Hardware access \(read/write\) watchpoint 4: bytes\[5\]\n\nOld value = \d+ .*\nNew value = ", text
    )
    assert "breakpoint already hit 2 times" in text


def test_a_breakpoint_behind_a_watched_store_is_not_missed(firmware: Path) -> None:
    """The store's successor has a breakpoint: both are reported, and neither costs an instruction."""
    seen = debug(
        firmware,
        "",
        [
            "break record",
            "continue",
            "watch last.tag",
            "break *(record + 6)",
            "continue",
            "print (int)$pc - (int)record",
        ],
    )
    assert "Hardware watchpoint 2: last.tag" in seen.transcript
    assert "Breakpoint 3, " in seen.transcript
    assert seen.values[-1] == 6


def test_more_watchpoints_than_comparators(firmware: Path) -> None:
    watches = [f"watch bytes[{index}]" for index in (0, 3, 6, 9, 12)]
    seen = debug(firmware, "", [*watches, "continue", "monitor info"])
    assert "the core has 4 watchpoint comparators, this takes 1 of them and 4 are in use" in seen.transcript


def test_breakpoints_of_all_kinds(firmware: Path, by: str) -> None:
    commands = ["hbreak square", "tbreak record", "continue", "continue", "continue", "info breakpoints"]
    seen = debug(firmware, by, commands)
    assert seen.transcript.count("Breakpoint 1, square") == 2
    assert seen.transcript.count("Temporary breakpoint 2, record") == 1
    assert "breakpoint already hit 2 times" in seen.transcript


def test_a_condition_in_a_loop_costs_no_packets(firmware: Path, by: str) -> None:
    """Two hundred false hits between one continue and its stop, and GDB says nothing in between."""
    seen = debug(
        firmware,
        by,
        ["tbreak count", "continue", f"break points.c:{in_loop()} if i == 200",
         "continue", "print i", "print sum"],
    )  # fmt: skip
    assert seen.values == [200, sum(range(200))]
    last = len(seen.packets) - 1 - seen.packets[::-1].index("vCont;c")
    assert seen.count("vCont;c") == 2
    assert any(packet.startswith("Z1,") and ";X" in packet for packet in seen.packets[:last])
    assert not [packet for packet in seen.packets[last + 1 :] if packet.startswith("vCont")]


def in_loop() -> int:
    """The line that is marked so."""
    lines = (HERE / "firmware" / "points.c").read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if "in the loop" in line)


def test_dprintf(firmware: Path, by: str) -> None:
    formatted = r'dprintf square,"square of %d, %s, limit %u\n", value, &greeting[0], limit'
    seen = debug(firmware, by, ["set dprintf-style agent", formatted, "break one", "continue", "continue"])
    assert seen.transcript.count("square of 3, hello, limit 7") == 2
    assert seen.transcript.count("Breakpoint 2, one") == 2
    assert any(";cmds:" in packet for packet in seen.packets)
    assert seen.count("vCont;s") == 1, "off the breakpoint at one, and no other"


def test_stepping_commands(firmware: Path, by: str) -> None:
    commands = [
        "tbreak chain",
        "continue",
        "next",
        "next",
        "step",
        "info symbol $pc",
        "finish",
        "until",
        "advance five",
    ]
    commands += ["info symbol $pc", "up", "next", "stepi", "nexti", "info symbol $pc"]
    seen = debug(firmware, by, commands)
    text = seen.transcript
    assert "three in section .text" in text or "two in section .text" in text
    assert "Value returned is $1 = " in text
    assert "five in section .text" in text
    assert seen.count("vCont;r") > 3, "GDB steps over ranges"
    assert "Cannot" not in text


def test_flash_breakpoints(firmware: Path, by: str) -> None:
    breaks = [f"break {name}" for name in [*FUNCTIONS, "square"]]
    commands = [*breaks, *["continue"] * 10, "compare-sections", "finish", "next", "x/i eight", "delete"]
    commands += ["tbreak square", "continue", "detach"]
    with serving(f"sim:stm32f103c8,firmware={firmware}{by}", "--connect", "under-reset") as server:
        first = run_gdb(server.port, commands, firmware)
        second = run_gdb(server.port, ["compare-sections", "x/2i eight"], firmware)
    for number, name in enumerate([*FUNCTIONS, "square"], 1):
        assert f"Breakpoint {number}, {name} " in first
    assert "Flash breakpoints: 1 sector rewritten, 1 so far." in first
    assert "2 so far" not in first.split("+ delete")[0], "finish and next find a comparator"
    assert "MIS-MATCHED" not in first + second
    assert "bkpt" not in first + second
    assert second.count("matched.") >= 2
    assert "Temporary breakpoint 11, square" in first


def test_flash_breakpoints_do_not_outlive_their_gdb(firmware: Path) -> None:
    """GDB is killed at a prompt; and a load in the session of another one finds the flash as it was."""
    breaks = [f"break {name}" for name in FUNCTIONS]
    with serving(f"sim:stm32f103c8,firmware={firmware}", "--connect", "under-reset") as server:
        first = run_gdb(server.port, [*breaks, "continue", "kill -9 0", "python import os; os._exit(1)"], firmware)
        again = ["set remotetimeout 60", f"target extended-remote 127.0.0.1:{server.port}", "compare-sections", *breaks]
        # The flash is put right after the first one has gone, and the second one may come meanwhile.
        second = run_gdb(server.port, [*again, "continue", "load", "compare-sections"], firmware, connect=False)
    assert "Flash breakpoints: 1 sector rewritten" in first
    assert "Flash breakpoints: 1 sector rewritten" in second
    assert second.count("matched.") >= 4
    assert "MIS-MATCHED" not in second


def test_memory_does_not_show_breakpoints_in_ram(firmware: Path) -> None:
    """A routine copied to RAM: a breakpoint there is a BKPT, hit, stepped over, and never seen."""
    commands = [
        "tbreak square",
        "continue",
        "set var *(int*)0x20002000 = 0x3001bf00",
        "set var *(int*)0x20002004 = 0xe7fcbf00",
    ]
    commands += ["set $pc = 0x20002000", "break *0x20002002", "continue", "x/2xw 0x20002000", "continue", "print $r0"]
    seen = debug(firmware, "", commands)
    assert "0x3001bf00\t0xe7fcbf00" in seen.transcript
    assert seen.transcript.count("Breakpoint 2, 0x20002002") == 2
    assert seen.count("Z0,20002002") >= 2
