"""Programs that are not ours flash a board of each family: their drivers, their loaders, our simulated controllers."""

import random
from collections.abc import Callable

import pytest
from support.usbip_clients import Bench, need

Simulate = Callable[..., Bench]

FLASH = "0x08000000"
LENGTH = 9_003

OPENOCD = {
    "stm32f091rc": "stm32f0x",
    "stm32f103vg": "stm32f1x",
    "stm32f429zi": "stm32f4x",
    "stm32g0b1re": "stm32g0x",
    "stm32g474re": "stm32g4x",
    "stm32h743zi": "stm32h7x",
    "stm32l051c8": "stm32l0",
    "stm32l152re": "stm32l1",
    "stm32l496ag": "stm32l4x",
    "stm32wb55rg": "stm32wbx",
    "stm32wle5jc": "stm32wlx",
}
"""OpenOCD 0.12 does not know the STM32C0."""

ST_FLASH = (
    *("stm32f091rc", "stm32f103vg", "stm32f429zi", "stm32g071rb", "stm32g474re", "stm32h743zi"),
    *("stm32l051c8", "stm32l496ag", "stm32wb55rg"),
)
"""stlink-tools 1.7.0 do not know G0B1, C0 and WL, and look for the L1's controller where the L0 has it."""


def board_and_image(simulate: Simulate, chip: str) -> tuple[Bench, bytes]:
    bench = simulate(f"sim:{chip}")
    image = random.Random(chip).randbytes(LENGTH)
    (bench.folder / "image.bin").write_bytes(image)
    return bench, image


@pytest.mark.parametrize("chip", OPENOCD)
def test_openocd_writes_and_verifies(simulate: Simulate, chip: str) -> None:
    bench, _ = board_and_image(simulate, chip)
    line = [need("openocd"), "-f", "interface/stlink.cfg", "-f", f"target/{OPENOCD[chip]}.cfg"]
    line += ["-c", "gdb_port disabled; tcl_port disabled; telnet_port disabled"]
    write, verify = f"flash write_image erase image.bin {FLASH}", f"verify_image image.bin {FLASH}"
    for command in ("init", "reset halt", write, verify, "exit"):
        line += ["-c", command]
    text = bench.run(line, name=f"openocd: {chip}: write, verify").check().text
    assert f"verified {LENGTH} bytes" in text
    assert "Error" not in text


@pytest.mark.parametrize("chip", ST_FLASH)
def test_st_flash_writes_and_reads_back(simulate: Simulate, chip: str) -> None:
    bench, image = board_and_image(simulate, chip)
    run = bench.run([need("st-flash"), "write", "image.bin", FLASH], name=f"st-flash: {chip}: write").check()
    assert "Flash written and verified! jolly good!" in run.text
    bench.run([need("st-flash"), "read", "back.bin", FLASH, str(LENGTH)]).check()
    assert (bench.folder / "back.bin").read_bytes()[:LENGTH] == image, "it reads whole words"
