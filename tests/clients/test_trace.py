"""What the probe answered while a program of others flashed: nothing is called done that was not."""

import json
import random
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.usbip_clients import Bench, need

Simulate = Callable[..., Bench]

FLASH_SR, FLASH_CR, FLASH_AR = 0x4002_200C, 0x4002_2010, 0x4002_2014
ERASE_A_PAGE = 0x42  # PER and STRT
BSY, EOP = 0x01, 0x20

PLACES = {
    "flash": (0x0800_0000, 0x0801_0000),
    "flash size": (0x1FFF_F7E0, 0x1FFF_F7E4),
    "ram": (0x2000_0000, 0x2000_5000),
    "flash registers": (0x4002_2000, 0x4002_2024),
    "system control space": (0xE000_E000, 0xE000_F000),
    "dwt": (0xE000_1000, 0xE000_2000),
    "fpb": (0xE000_2000, 0xE000_2030),
    "dbgmcu": (0xE004_2000, 0xE004_2008),
}
WITHOUT_STATUS = {"GET_VERSION", "GET_CURRENT_MODE", "GET_TARGET_VOLTAGE", "DFU", "EXIT"}
LINE = re.compile(r"^1-1 +[0-9.]+ (\w+)(?: ([^:]*))?:(?: (.*))?$")
ACCESS = re.compile(r"0x([0-9A-F]{8}) \+(\d+)")


@dataclass(frozen=True)
class Access:
    """A read or write of memory, from a line of the trace."""

    command: str
    address: int
    length: int
    value: int  # of the first word


def lines(trace: Path) -> Iterator[tuple[str, str, str]]:
    """Command, operands and outcome of each line."""
    for line in trace.read_text().splitlines():
        match = LINE.match(line)
        assert match, line
        yield match[1], match[2] or "", match[3] or ""


def accesses(trace: Path) -> Iterator[Access]:
    for command, operands, outcome in lines(trace):
        if match := ACCESS.fullmatch(operands):
            data = bytes.fromhex(outcome.removeprefix("OK ").split(" ...")[0])
            yield Access(command, int(match[1], 16), int(match[2]), int.from_bytes(data[:4], "little"))


@pytest.mark.parametrize(
    "configuration",
    [
        ["-f", "interface/stlink.cfg"],
        ["-f", "interface/stlink-dap.cfg", "-c", "transport select dapdirect_swd"],
    ],
    ids=["hla", "dapdirect"],
)
def test_write_image(simulate: Simulate, tmp_path: Path, configuration: list[str]) -> None:
    stats = tmp_path / "stats.json"
    bench = simulate("sim:stm32f103c8", "--stats", str(stats), trace=True)
    (bench.folder / "image.bin").write_bytes(random.Random(3).randbytes(65536))
    line = [need("openocd"), *configuration, "-f", "target/stm32f1x.cfg"]
    line += ["-c", "gdb_port disabled; tcl_port disabled; telnet_port disabled; init; reset halt"]
    line += ["-c", "flash write_image erase image.bin 0x08000000; verify_image image.bin 0x08000000; exit"]
    bench.run(line).check()
    assert bench.stop() == 0
    assert bench.trace is not None
    refused = [
        (command, operands, outcome)
        for command, operands, outcome in lines(bench.trace)
        if command not in WITHOUT_STATUS and not outcome.startswith("OK")
    ]
    assert refused == []
    board = json.loads(stats.read_text())["boards"][0]
    assert board["unmodelled"] == []
    assert board["unknown_commands"] == {}
    strays = [
        one
        for one in accesses(bench.trace)
        if not any(first <= one.address and one.address + one.length <= end for first, end in PLACES.values())
    ]
    assert strays == []


def test_every_page_erase_takes_its_time(simulate: Simulate) -> None:
    """Each start is seen busy, then finished; what passed through the loader's buffer is the whole image."""
    bench = simulate(trace=True)
    (bench.folder / "image.bin").write_bytes(random.Random(4).randbytes(63 * 1024))  # 64 pages would be a mass erase
    line = [need("openocd"), "-f", "interface/stlink.cfg", "-f", "target/stm32f1x.cfg"]
    line += ["-c", "gdb_port disabled; tcl_port disabled; telnet_port disabled; init; reset halt"]
    line += ["-c", "flash write_image erase image.bin 0x08000000; exit"]
    bench.run(line).check()
    assert bench.stop() == 0
    assert bench.trace is not None
    pages, states, to_ram = [], "", 0
    for one in accesses(bench.trace):
        writes = one.command.startswith("WRITEMEM")
        if writes and one.address == FLASH_AR:
            pages.append(one.value)
        elif writes and one.address == FLASH_CR and one.value == ERASE_A_PAGE:
            states += "S"
        elif not writes and one.address == FLASH_SR and states:
            states += "b" if one.value & BSY else "e" if one.value & EOP else "-"
        elif writes and PLACES["ram"][0] <= one.address < PLACES["ram"][1]:
            to_ram += one.length
    assert pages == [0x0800_0000 + 1024 * page for page in range(63)]
    assert re.fullmatch(r"(Sb+e-*){63}[be-]*", states), states
    assert to_ram >= 63 * 1024


CLIENT = """
import json, usb.core
device = usb.core.find(idVendor=0x0483)
def debug(*code, reply=0, data=b""):
    device.write(1, bytes((0xF2, *code)).ljust(16, b"\\0"), 1000)
    if data:
        device.write(1, data, 1000)
    return list(device.read(0x81, 64, 1000)) if reply else []
def where(address, length):
    return (*address.to_bytes(4, "little"), *length.to_bytes(2, "little"))
device.write(1, bytes([0xF3, 7]).ljust(16, b"\\0"), 1000)
debug(0x30, 0xA3, reply=2)
told = [debug(0xEE, reply=2)[0]]
debug(0x07, *where(0x30000000, 4), reply=4)
told.append(debug(0x3E, reply=12)[:8])
debug(0x08, *where(0x30000010, 4), data=bytes(4))
told.append(debug(0x3E, reply=12)[:8])
debug(0x35, *(0x4002101C).to_bytes(4, "little"), *(1).to_bytes(4, "little"), reply=2)  # a clock for TIM2
debug(0x08, *where(0x40000000, 4), data=b"\\1\\0\\0\\0")  # TIM2_CR1: counts from now on
told.append(debug(0x3E, reply=12)[:8])
print(json.dumps(told))
"""


def test_what_is_not_there_is_refused_with_its_address(simulate: Simulate, tmp_path: Path) -> None:
    stats = tmp_path / "stats.json"
    bench = simulate("sim:stm32f103c8", "--stats", str(stats), trace=True)
    run = bench.run([sys.executable, "-c", CLIENT]).check()
    unknown, read, write, timer = json.loads(run.text)
    assert unknown == 0x42
    fault = 0x11
    assert read == [fault, 0, 0, 0, *(0x3000_0000).to_bytes(4, "little")]
    assert write == [fault, 0, 0, 0, *(0x3000_0010).to_bytes(4, "little")]
    assert timer == [fault, 0, 0, 0, *(0x4000_0000).to_bytes(4, "little")]
    assert bench.stop() == 0
    board: dict[str, Any] = json.loads(stats.read_text())["boards"][0]
    assert sum(board["unknown_commands"].values()) == 1
    assert any("TIM2_CR1" in gap for gap in board["unmodelled"])
    assert bench.trace is not None
    text = bench.trace.read_text()
    assert "UNKNOWN_COMMAND" in text
    assert re.search(r"READMEM_32 0x30000000 \+4: AP_FAULT at 0x30000000", text)
    assert re.search(r"WRITEMEM_32 0x30000010 \+4: AP_FAULT at 0x30000010", text)
