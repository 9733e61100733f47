"""OpenOCD 0.12 on simulated boards, as high-level adapter and with direct DAP access."""

import random
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from support.usbip_clients import Bench, Firmware, gdb, need, symbol, wait_for

Simulate = Callable[..., Bench]
Build = Callable[..., Firmware]

CONFIGURATIONS = {
    "hla": ["-f", "interface/stlink.cfg"],
    "dapdirect": ["-f", "interface/stlink-dap.cfg", "-c", "transport select dapdirect_swd"],
}
QUIET = ["-c", "gdb_port disabled; tcl_port disabled; telnet_port disabled"]

MODES = pytest.mark.parametrize("mode", list(CONFIGURATIONS))


def openocd(bench: Bench, mode: str, *commands: str, name: str = "", status: int = 0) -> str:
    """Run OpenOCD with commands after `init`; its words."""
    line = [need("openocd"), *CONFIGURATIONS[mode], "-f", "target/stm32f1x.cfg", *QUIET]
    for command in ("init", *commands, "exit"):
        line += ["-c", command]
    run = bench.run(line, name=name and f"openocd: {mode}: {name}")
    assert run.status == status, run.text
    return run.text


@contextmanager
def serving_gdb(bench: Bench, mode: str, name: str) -> Iterator[int]:
    """OpenOCD as GDB server; its port."""
    line = [need("openocd"), *CONFIGURATIONS[mode], "-f", "target/stm32f1x.cfg"]
    line += ["-c", "gdb_port 0; tcl_port disabled; telnet_port disabled", "-c", "init; reset halt"]
    with bench.starting(line, name=f"openocd: {mode}: {name}") as server:
        port = int(wait_for(server, r"Listening on port (\d+) for gdb connections")[1])
        wait_for(server, "xPSR: 0x01000000")
        yield port


@MODES
def test_init_names_the_core(simulate: Simulate, blink: Firmware, mode: str) -> None:
    text = openocd(simulate(f"sim:stm32f103c8,firmware={blink.elf}"), mode, name="init")
    assert "STLINK V2J37M26 (API v2) VID:PID 0483:374B" in text
    assert "Target voltage: 3.25" in text
    assert "Cortex-M3 r1p1 processor detected" in text
    assert "target has 6 breakpoints, 4 watchpoints" in text
    assert ("SWD DPIDR 0x1ba01477" in text) == (mode == "dapdirect")


@MODES
def test_reset_halt_registers_memory_step(simulate: Simulate, blink: Firmware, mode: str) -> None:
    bench = simulate(f"sim:stm32f103c8,firmware={blink.elf}")
    start = int.from_bytes(blink.image[4:8], "little") & ~1
    text = openocd(
        bench,
        mode,
        "reset halt",
        "reg r3 0x12345678",
        "reg r3",
        "mdw 0x08000000 2",
        "mww 0x20000100 0xdeadbeef",
        "mwh 0x20000104 0x1234",
        "mwb 0x20000107 0x56",
        "mdb 0x20000100 8",
        "mdh 0x20000102 1",
        "step",
        name="reset halt, registers, memory, step",
    )
    assert f"xPSR: 0x01000000 pc: {start:#010x} msp: 0x20005000" in text
    assert text.count("r3 (/32): 0x12345678") == 2
    assert f"0x08000000: 20005000 {start + 1:08x}" in text
    assert re.search(r"0x20000100: ef be ad de 34 12 \w\w 56", text)
    assert "0x20000102: dead" in text
    assert re.search(rf"halted due to single-step.*\n.*pc: {start + 2:#010x}", text)


@MODES
def test_all_registers_can_be_read(simulate: Simulate, blink: Firmware, mode: str) -> None:
    text = openocd(simulate(f"sim:stm32f103c8,firmware={blink.elf}"), mode, "reset halt", "reg", name="reg")
    for line in ("msp (/32): 0x20005000", "xPSR (/32): 0x01000000", "primask (/1): 0x00", "control (/3): 0x00"):
        assert line in text


@MODES
def test_breakpoint_and_watchpoint(simulate: Simulate, blink: Firmware, mode: str) -> None:
    bench = simulate(f"sim:stm32f103c8,firmware={blink.elf}")
    place, total = symbol(blink, "remember"), symbol(blink, "total")
    text = openocd(
        bench,
        mode,
        "reset halt",
        f"bp {place} 2 hw",
        "resume",
        "wait_halt 2000",
        "reg pc",
        f"rbp {place}",
        f"wp {total} 4 w",
        "resume",
        "wait_halt 2000",
        f"mdw {total}",
        f"rwp {total}",
        "resume",
        "halt",
        name="bp, wp",
    )
    assert f"pc (/32): {place}" in text
    assert f"{total}: 00000001" in text, "halted behind the store"
    if mode == "dapdirect":
        assert "halted due to watchpoint" in text  # as high-level adapter OpenOCD calls every debug event a breakpoint


@MODES
def test_write_image_and_verify(simulate: Simulate, blink: Firmware, mode: str) -> None:
    bench = simulate(f"sim:stm32f103c8,firmware={blink.elf}", trace=True)
    image = random.Random(2).randbytes(65536)
    (bench.folder / "image.bin").write_bytes(image)
    line = [need("openocd"), *CONFIGURATIONS[mode], "-f", "target/stm32f1x.cfg", *QUIET]
    for command in ("init", "reset halt", "flash write_image erase image.bin 0x08000000"):
        line += ["-c", command]
    line += ["-c", "verify_image image.bin 0x08000000", "-c", "exit"]
    run = bench.run(line, name=f"openocd: {mode}: flash write_image erase, verify_image 64 KiB").check()
    assert "wrote 65536 bytes" in run.text
    assert "verified 65536 bytes" in run.text
    assert "couldn't use block writes" not in run.text
    assert run.seconds < 30
    openocd(bench, mode, "dump_image back.bin 0x08000000 65536", name="dump_image 64 KiB")
    assert (bench.folder / "back.bin").read_bytes() == image


@MODES
def test_erase_and_erase_check(simulate: Simulate, mode: str) -> None:
    bench = simulate()
    (bench.folder / "image.bin").write_bytes(bytes(4096))
    text = openocd(
        bench,
        mode,
        "reset halt",
        "flash write_image image.bin 0x08000000",
        "flash erase_check 0",
        "flash erase_sector 0 1 2",
        "flash erase_check 0",
        "stm32f1x mass_erase 0",
        "flash erase_check 0",
        name="flash erase_sector, mass_erase, erase_check",
    )
    first, second, third = text.split("successfully checked erase state")[1:]
    programmed = [re.findall(r"# +(\d+): .* not erased\n", part) for part in (first, second)]
    assert programmed == [["0", "1", "2", "3"], ["0", "3"]]
    assert "Bank is erased" in third


@MODES
def test_write_protection(simulate: Simulate, blink: Firmware, mode: str) -> None:
    bench = simulate()
    write = f"flash write_image erase {blink.bin} 0x08000000"
    text = openocd(
        bench,
        mode,
        "reset halt",
        write,
        "flash protect 0 0 7 on",
        "reset halt",
        "flash info 0",
        f"echo [catch {{{write}}}]",
        f"verify_image {blink.bin} 0x08000000",
        "flash protect 0 0 7 off",
        "reset halt",
        write,
        name="flash protect",
    )
    assert re.findall(r"# +(\d+): .* protected\n", text.replace("not protected", "open")) == list("01234567")
    assert "stm32x device protected" in text
    assert text.count(f"wrote {len(blink.image)} bytes") == 2
    assert f"verified {len(blink.image)} bytes" in text


@MODES
def test_semihosting(simulate: Simulate, build: Build, mode: str) -> None:
    firmware = build("semihosting")
    bench = simulate(f"sim:stm32f103c8,firmware={firmware.elf}")
    count = symbol(firmware, "count")
    text = openocd(
        bench,
        mode,
        "reset halt",
        "arm semihosting enable",
        "resume",
        "sleep 500",
        "halt",
        f"mdw {count}",
        name="arm semihosting",
    )
    assert "hello from the board\nC\n" in text
    counted = re.search(rf"{count}: ([0-9a-f]+)", text)
    assert counted
    assert int(counted[1], 16) > 0


@MODES
def test_trace_over_swo(simulate: Simulate, build: Build, mode: str) -> None:
    firmware = build("itm")
    bench = simulate(f"sim:stm32f103c8,firmware={firmware.elf}")
    openocd(
        bench,
        mode,
        "reset halt",
        "stm32f1x.tpiu configure -protocol uart -traceclk 8000000 -pin-freq 2000000 -output swo.bin -formatter 0",
        "stm32f1x.tpiu enable",
        "itm ports on",
        "resume",
        "sleep 500",
        "halt",
        name="tpiu, itm",
    )
    packets = (bench.folder / "swo.bin").read_bytes()
    assert b"\x01t\x01i\x01c\x01k\x01\n" * 3 in packets
    assert set(packets) == set(b"tick\n\x01")


def test_rom_table(simulate: Simulate, blink: Firmware) -> None:
    bench = simulate(f"sim:stm32f103c8,firmware={blink.elf}")
    text = openocd(bench, "dapdirect", "dap info", "stm32f1x.dap apid 0", name="dap info")
    assert "AP ID register 0x14770011" in text
    assert "MEM-AP BASE 0xe00ff003" in text
    parts = re.findall(r"Part is (0x[0-9a-f]+), (.*)", text)
    found = {int(number, 16): name for number, name in parts}
    assert set(found) == {0x410, 0x000, 0x002, 0x003, 0x001, 0x923}, text


@MODES
def test_gdb_on_top(simulate: Simulate, blink: Firmware, mode: str) -> None:
    bench = simulate()
    with serving_gdb(bench, mode, "gdb: load, break, continue, watch") as port:
        told = gdb(
            port,
            [
                "load",
                "monitor reset halt",
                "break remember",
                "continue",
                "bt",
                "delete",
                "watch total",
                "continue",
                "stepi",
                "compare-sections",
                "detach",
            ],
            blink.elf,
        ).text
    assert "Start address 0x08" in told
    assert "Breakpoint 1, remember (value=1)" in told
    assert re.search(r"#0 +remember \(value=1\)", told)
    assert re.search(r"#1 .* in main \(\)", told)
    assert told.count("matched.") == 2
    assert "watchpoint 2: total" in told


@pytest.mark.parametrize("probe", ["stlink-v2", "stlink-v3", "stlink-v2,level=J28", "stlink-v2,level=J17"])
def test_other_probes(simulate: Simulate, blink: Firmware, probe: str) -> None:
    bench = simulate(f"sim:stm32f103c8,probe={probe}")
    write = f"flash write_image erase {blink.bin} 0x08000000"
    text = openocd(bench, "hla", "reset halt", write, f"verify_image {blink.bin} 0x08000000", name=f"program, {probe}")
    assert f"verified {len(blink.image)} bytes" in text
