"""Chips that Haltpoint does not know, with flash algorithms and without, by the command line and by a real GDB."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from support.flm import GENERIC, compiled, make_pack, needs_gcc
from support.real_gdb import run_gdb, run_haltpoint, serving

pytestmark = needs_gcc

# A vector table, code, and data that reaches over sectors of two sizes.
SOURCE = """
        .syntax unified
        .cpu    cortex-m0plus
        .thumb
        .section .vectors, "a"
        .word   0x20000800, main
        .rept   14
        .word   main
        .endr
        .text
        .global main
        .thumb_func
main:   movs    r0, #0
loop:   adds    r0, #1
        b       loop
        .rept   2500
        .word   0x10203040 + (. - main)
        .endr
"""
DESCRIPTION = """<package><devices><family Dfamily="Generic"><processor Dcore="Cortex-M3"/>
<device Dname="GENERIC96"><memory name="SRAM" access="rwx" start="0x20000000" size="0x4000" default="1"/>
<algorithm name="Flash/generic.FLM" start="0" size="0x18000" default="1"/></device></family></devices></package>"""
RAM = "0x20000000:0x2000"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program, an algorithm for each board, and a pack with one."""
    if shutil.which("arm-none-eabi-as") is None:
        pytest.skip("arm-none-eabi-as is not installed")
    folder = tmp_path_factory.mktemp("algorithms")
    (folder / "program.s").write_text(SOURCE)
    subprocess.run(["arm-none-eabi-as", "-o", folder / "program.o", folder / "program.s"], check=True)
    link = ["arm-none-eabi-ld", "-e", "main", "--section-start=.vectors=0", "-Ttext=0x40"]
    subprocess.run([*link, "-o", folder / "program.elf", folder / "program.o"], check=True)
    for board, defines in GENERIC.items():
        (folder / f"{board}.FLM").write_bytes(compiled("generic", **defines))
    make_pack(folder / "chips.pack", DESCRIPTION, generic=compiled("generic", **GENERIC["generic-m3"]))
    return folder


@pytest.mark.parametrize("selector", ["sim:generic-m0plus", "sim:generic-m0plus,probe=ft2232h,wire=swd"])
def test_gdb_loads_by_an_algorithm_and_runs(folder: Path, selector: str) -> None:
    with serving(selector, "--flm", str(folder / "generic-m0plus.FLM"), "--ram", RAM) as server:
        assert "Flash: 64 KiB at 0x00000000, by generic-m0plus.FLM" in server.greeting
        commands = ["load", "compare-sections", "monitor reset halt", "tbreak loop", "continue", "load", "detach"]
        transcript = run_gdb(server.port, commands, folder / "program.elf")
        _, log = server.stop()
    assert transcript.count("matched.") == 2
    assert "Temporary breakpoint 1, 0x00000042 in loop ()" in transcript
    assert "sectors changed, " in log
    assert "Flash: nothing changed, 9 sectors compared" in log


@pytest.mark.parametrize("probe", ["", ",probe=ft2232h"])
def test_load_by_a_pack(folder: Path, probe: str) -> None:
    pack = ("--pack", str(folder / "chips.pack"), "--chip", "generic96")
    run = run_haltpoint("load", "--probe", f"sim:generic-m3{probe}", *pack, str(folder / "program.elf"))
    assert run.returncode == 0, run.stderr
    assert "Chip: GENERIC96, Cortex-M3" in run.stdout
    assert "Flash: 96 KiB at 0x00000000, by generic.FLM\nRAM: 16 KiB at 0x20000000\n" in run.stdout
    assert "Flash: 5 of 5 sectors changed, " in run.stdout


def test_a_chip_that_is_not_known_can_be_debugged(folder: Path) -> None:
    with serving("sim:generic-m4") as server:
        assert "Chip: not known, Cortex-M4" in server.greeting
        commands = ["set {int}0x20000000 = 0x12345678", "x/1wx 0x20000000", "info mem", "monitor reset halt", "load"]
        transcript = run_gdb(server.port, commands, folder / "program.elf")
        _, log = server.stop()
    assert "0x20000000:\t0x12345678" in transcript
    assert "Load failed" in transcript
    assert "Writing 64 bytes at 0x00000000 failed: the bus refused" in log
    assert "Identifying the chip failed: there is nothing at 0xE0042000" in log
    assert "or give a flash algorithm for it with --flm or --pack" in log


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([], "the chip is not known, and so its flash is not. Name it with --chip, or give a flash algorithm for it"),
        (["--flm", "program.elf", "--ram", RAM], "Reading the flash algorithm program.elf failed: it has no section"),
        (["--pack", "chips.pack", "--chip", "GENERIC69"], "The nearest names are GENERIC96."),
    ],
)
def test_what_is_missing_is_said(folder: Path, options: list[str], sentence: str) -> None:
    files = [str(folder / word) if "." in word else word for word in options]
    run = run_haltpoint("load", "--probe", "sim:generic-m4", *files, str(folder / "program.elf"))
    assert run.returncode == 2
    assert sentence in run.stderr
    assert "Traceback" not in run.stderr
