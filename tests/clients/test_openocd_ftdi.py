"""OpenOCD 0.12 and its own ftdi driver on simulated FTDI chips: JTAG, and SWD over a resistor, its own files."""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from support.usbip_clients import Bench, Firmware, need

Simulate = Callable[..., Bench]


@dataclass(frozen=True)
class Target:
    """A chip, OpenOCD's file for it, and what OpenOCD says of it."""

    chip: str
    file: str
    core: str
    cpu_tap: str = "0x4ba00477"
    boundary_tap: str = ""
    dpidr: str = "0x2ba01477"

    def __str__(self) -> str:
        return self.chip


F103 = Target("stm32f103c8", "stm32f1x", "Cortex-M3 r1p1", "0x3ba00477", "0x16410041", "0x1ba01477")
TARGETS = (
    F103,
    Target("stm32f407vg", "stm32f4x", "Cortex-M4 r0p1", boundary_tap="0x06413041"),
    Target("stm32f429zi", "stm32f4x", "Cortex-M4 r0p1", boundary_tap="0x06419041"),
    Target("stm32l431rc", "stm32l4x", "Cortex-M4 r0p1", boundary_tap="0x06435041"),
)
ADAPTER = ["-f", "interface/ftdi/flossjtag-noeeprom.cfg"]
WIRES = {
    "jtag": [*ADAPTER, "-c", "transport select jtag"],
    "swd": [*ADAPTER, "-f", "interface/ftdi/swd-resistor-hack.cfg"],
}
QUIET = ["-c", "gdb_port disabled; tcl_port disabled; telnet_port disabled"]
EVERY_WIRE = pytest.mark.parametrize("wire", list(WIRES))
EVERY_TARGET = pytest.mark.parametrize("target", TARGETS, ids=str)


def openocd(
    bench: Bench,
    wire: str,
    *commands: str,
    target: Target = F103,
    khz: int = 4000,
    name: str = "",
    reset: str = "none",
) -> str:
    """Run OpenOCD with commands after `init`; its words."""
    line = [need("openocd"), *WIRES[wire], "-c", f"reset_config {reset}", "-f", f"target/{target.file}.cfg", *QUIET]
    for command in ("init", f"adapter speed {khz}", *commands, "exit"):
        line += ["-c", command]
    return bench.run(line, name=name and f"openocd: ftdi {wire}: {name}").check().text


@EVERY_TARGET
@EVERY_WIRE
def test_init_names_the_core(simulate: Simulate, target: Target, wire: str) -> None:
    text = openocd(simulate(f"sim:{target.chip},probe=ft2232h,wire={wire}"), wire, target=target, name="init")
    assert f"{target.core} processor detected" in text
    assert "target has 6 breakpoints, 4 watchpoints" in text
    if wire == "jtag":
        assert f"tap/device found: {target.cpu_tap}" in text
        assert f"tap/device found: {target.boundary_tap}" in text
    else:
        assert f"SWD DPIDR {target.dpidr}" in text


def test_a_chain_that_nobody_described(simulate: Simulate) -> None:
    """OpenOCD finds both TAPs and their IR lengths by itself."""
    line = [need("openocd"), *WIRES["jtag"], "-c", "reset_config none", "-c", "adapter speed 1000", *QUIET]
    text = simulate("sim:stm32f103c8,probe=ft2232h").run([*line, "-c", "init", "-c", "exit"]).text
    assert re.search(r"auto0.tap.*0x3ba00477.*irlen 4|-irlen 4 -expected-id 0x3ba00477", text)
    assert re.search(r"auto1.tap.*0x16410041.*irlen 5|-irlen 5 -expected-id 0x16410041", text)


@EVERY_WIRE
def test_reset_halt_registers_memory_step(simulate: Simulate, blink: Firmware, wire: str) -> None:
    bench = simulate(f"sim:stm32f103c8,probe=ft2232h,wire={wire},firmware={blink.elf}")
    start = int.from_bytes(blink.image[4:8], "little") & ~1
    text = openocd(
        bench,
        wire,
        "reset halt",
        "reg r3 0x12345678",
        "mdw 0x08000000 2",
        "mww 0x20000100 0xdeadbeef",
        "mwh 0x20000104 0x1234",
        "mwb 0x20000107 0x56",
        "mdb 0x20000100 8",
        "step",
        name="reset halt, registers, memory, step",
    )
    assert f"xPSR: 0x01000000 pc: {start:#010x} msp: 0x20005000" in text
    assert f"0x08000000: 20005000 {start + 1:08x}" in text
    assert re.search(r"0x20000100: ef be ad de 34 12 \w\w 56", text)
    assert re.search(rf"halted due to single-step.*\n.*pc: {start + 2:#010x}", text)


def test_reset_by_the_adapters_own_line(simulate: Simulate, blink: Firmware) -> None:
    """nSRST where that adapter has it (ADBUS6); connecting under reset."""
    bench = simulate(f"sim:stm32f103c8,probe=ft2232h,wire=jtag,nrst=ad6,firmware={blink.elf}")
    start = int.from_bytes(blink.image[4:8], "little") & ~1
    text = openocd(bench, "jtag", "reset halt", "reg pc", reset="srst_only srst_nogate connect_assert_srst")
    assert f"pc (/32): {start:#010x}" in text


@EVERY_WIRE
@pytest.mark.parametrize("khz", [100, 4000, 15000])
def test_bus_fault_is_told(simulate: Simulate, blink: Firmware, wire: str, khz: int) -> None:
    bench = simulate(f"sim:stm32f103c8,probe=ft2232h,wire={wire},firmware={blink.elf}")
    text = openocd(bench, wire, "reset halt", "catch {mdw 0x60000000} told; echo [set told]", "mdw 0x08000000", khz=khz)
    assert "0x60000000" in text
    assert re.search(r"0x08000000: 20005000", text), "and the link goes on"


@EVERY_TARGET
@EVERY_WIRE
def test_write_image_and_verify(simulate: Simulate, target: Target, wire: str) -> None:
    bench = simulate(f"sim:{target.chip},probe=ft2232h,wire={wire}")
    size = 65536 if target is F103 else 20000
    image = random.Random(2).randbytes(size)
    (bench.folder / "image.bin").write_bytes(image)
    text = openocd(
        bench,
        wire,
        "reset halt",
        "flash write_image erase image.bin 0x08000000",
        "verify_image image.bin 0x08000000",
        f"dump_image back.bin 0x08000000 {size}",
        target=target,
        name=f"{target}: flash write_image erase, verify_image, dump_image {size // 1024} KiB",
    )
    written = re.search(r"wrote (\d+) bytes", text)
    assert written is not None
    assert int(written[1]) >= size, "it fills up a sector of an F4"
    assert f"verified {size} bytes" in text
    assert "couldn't use block writes" not in text
    assert (bench.folder / "back.bin").read_bytes() == image
