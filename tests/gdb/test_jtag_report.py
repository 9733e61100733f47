"""The report that began with an STM32L431RC behind an FT2232H, JTAG, without reset lines: its own case, by GDB."""

import shutil
import subprocess
from pathlib import Path

import pytest
from support.real_gdb import run_gdb, serving

BOARD = "sim:stm32l431rc,probe=ft2232h,wire=jtag"
# 1,024 bytes of vector table and 140 of code, the sizes of the report's file.
SOURCE = """
        .syntax unified
        .cpu    cortex-m4
        .thumb
        .section .vectors, "a"
        .word   0x20010000, main
        .rept   254
        .word   main
        .endr
        .text
        .global main
        .thumb_func
main:   movs    r0, #0
loop:   adds    r0, #1
        b       loop
        .rept   67
        .hword  0x4600 + (. - main) / 2 % 64
        .endr
        .global last
last:
"""


@pytest.fixture(scope="module")
def elf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("arm-none-eabi-as") is None:
        pytest.skip("arm-none-eabi-as is not installed")
    folder = tmp_path_factory.mktemp("report")
    (folder / "report.s").write_text(SOURCE)
    path = folder / "report.elf"
    subprocess.run(["arm-none-eabi-as", "-o", str(folder / "report.o"), str(folder / "report.s")], check=True)
    link = ["arm-none-eabi-ld", "-e", "main", "--section-start=.vectors=0x08000000", "-Ttext=0x08000400"]
    subprocess.run([*link, "-o", str(path), str(folder / "report.o")], check=True)
    return path


@pytest.mark.parametrize("khz", [100, 1000, 10000])
def test_it_loads_verifies_and_runs(elf: Path, khz: int) -> None:
    with serving(BOARD, "--speed", str(khz)) as server:
        words = [f"set {{unsigned}}{0x2000_0000 + 4 * n:#x} = {0x1111_1111 * (n + 1):#x}" for n in range(4)]
        commands = ["load", "compare-sections", *words, "x/4wx 0x20000000"]
        transcript = run_gdb(
            server.port, [*commands, "monitor reset halt", "tbreak loop", "continue", "info registers pc"], elf
        )
    assert "load size 1164" in transcript
    assert transcript.count("matched.") == 2
    assert "0x11111111\t0x22222222\t0x33333333\t0x44444444" in transcript
    assert "Temporary breakpoint 1, 0x08000402 in loop ()" in transcript
