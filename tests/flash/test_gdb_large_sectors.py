"""GDB's own ``load`` over sectors that differ in size: it erases by the memory map's block sizes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support.flash_load import noise
from support.real_gdb import run_gdb, serving

BOARDS = {"sim:stm32f429zi": 0x0800_C000, "sim:stm32g0b1re": 0x0803_F123, "sim:stm32l431rc": 0x0800_0001}


@pytest.mark.parametrize(("board", "start"), BOARDS.items())
def test_load_and_compare(board: str, start: int, tmp_path: Path) -> None:
    raw, elf = tmp_path / "image.bin", tmp_path / "image.elf"
    raw.write_bytes(noise(90_001 if "f4" in board else 9_001))
    command = ["arm-none-eabi-objcopy", "-I", "binary", "-O", "elf32-littlearm", "-B", "arm"]
    command += ["--rename-section", ".data=.text,alloc,load,readonly,code,contents"]
    command += [f"--change-section-address=.data={start:#x}", str(raw), str(elf)]
    subprocess.run(command, check=True)
    with serving(board) as server:
        transcript = run_gdb(server.port, [f"file {elf}", "load", "compare-sections"])
    assert "matched" in transcript
    assert "MIS-MATCHED" not in transcript
