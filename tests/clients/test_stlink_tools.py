"""stlink-tools 1.7.0 on simulated boards: st-info, st-flash with its own loader, st-util under GDB."""

import random
import re
import signal
from collections.abc import Callable

import pytest
from support.usbip_clients import Bench, Firmware, free_port, gdb, need, symbol, wait_for

Simulate = Callable[..., Bench]
Build = Callable[..., Firmware]

S_LOCKUP = 1 << 19  # DHCSR

FLASH = "0x08000000"


def flash_run(bench: Bench, *arguments: str, name: str = "") -> str:
    """Run st-flash; its words."""
    return bench.run([need("st-flash"), *arguments], name=name and f"st-flash: {name}").check().text


def read_back(bench: Bench, length: int) -> bytes:
    flash_run(bench, "read", "back.bin", FLASH, str(length))
    return (bench.folder / "back.bin").read_bytes()


def test_info(simulate: Simulate) -> None:
    text = simulate().run([need("st-info"), "--probe"], name="st-info: --probe").check().text
    assert "Found 1 stlink programmers" in text
    assert re.search(r"version:\s+V2J37S26", text)
    assert re.search(r"serial:\s+[0-9A-F]{24}", text)
    assert re.search(r"flash:\s+65536 \(pagesize: 1024\)", text)
    assert re.search(r"sram:\s+20480", text)
    assert re.search(r"chipid:\s+0x0410", text)


def test_write_verifies_and_reads_back(simulate: Simulate, blink: Firmware) -> None:
    bench = simulate(f"sim:stm32f103c8,firmware={blink.elf}")
    image = random.Random(1).randbytes(65536)
    (bench.folder / "image.bin").write_bytes(image)
    run = bench.run([need("st-flash"), "write", "image.bin", FLASH], name="st-flash: write 64 KiB").check()
    assert "Flash written and verified! jolly good!" in run.text
    assert run.seconds < 30
    flash_run(bench, "read", "back.bin", FLASH, "65536", name="read 64 KiB")
    assert (bench.folder / "back.bin").read_bytes() == image


def test_erase(simulate: Simulate, blink: Firmware) -> None:
    bench = simulate(f"sim:stm32f103c8,firmware={blink.elf}")
    assert read_back(bench, len(blink.image)) == blink.image
    flash_run(bench, "erase", name="erase")
    assert read_back(bench, 65536) == b"\xff" * 65536


def test_intel_hex(simulate: Simulate, blink: Firmware) -> None:
    bench = simulate()
    flash_run(bench, "--format", "ihex", "write", str(blink.hex), name="--format ihex write blink")
    assert read_back(bench, len(blink.image)) == blink.image


@pytest.mark.parametrize("option", ["--reset", "--connect-under-reset"])
def test_firmware_runs_after_writing(simulate: Simulate, blink: Firmware, option: str) -> None:
    bench = simulate()
    flash_run(bench, option, "write", str(blink.bin), FLASH, name=f"{option} write blink")
    assert read_back(bench, len(blink.image)) == blink.image
    flash_run(bench, "reset")
    ticks = []
    for _ in range(2):
        flash_run(bench, "--hot-plug", "read", "ticks.bin", symbol(blink, "ticks"), "4")
        ticks.append(int.from_bytes((bench.folder / "ticks.bin").read_bytes(), "little"))
    assert 0 < ticks[0] < ticks[1]


def test_util_serves_gdb(simulate: Simulate, blink: Firmware) -> None:
    bench = simulate()
    command = [need("st-util"), "--listen_port", str(port := free_port())]
    with bench.starting(command, name="st-util: load, break, step, watch") as server:
        wait_for(server, "Listening at")
        told = gdb(
            port,
            [
                "load",
                "break remember",
                "continue",
                "stepi",
                "info registers pc",
                "delete",
                "watch total",
                "continue",
                "print total",
                "x/2wx 0x08000000",
            ],
            blink.elf,
        ).text
    assert "Start address 0x08" in told
    assert "Breakpoint 1, remember (value=1)" in told
    assert "SIGTRAP" in told.split("watchpoint 2: total")[1], "st-util does not say that it was the watchpoint"
    assert "$1 = 1\n" in told
    assert re.search(r"0x8000000 <vectors>:\s+0x20005000\s+0x08000", told)


def test_trace(simulate: Simulate, build: Build) -> None:
    firmware = build("itm")
    bench = simulate(f"sim:stm32f103c8,firmware={firmware.elf}")
    with bench.starting([need("st-trace"), "--clock=8m"], name="st-trace: three lines") as trace:
        for _ in range(3):
            wait_for(trace, r"^tick$")
        trace.send_signal(signal.SIGINT)
        trace.wait(timeout=30)


# --- the second report: the loader and what firmware leaves behind


def test_systick_left_running_is_no_hindrance(simulate: Simulate, build: Build) -> None:
    firmware = build("ticking")
    bench = simulate(f"sim:stm32f103c8,firmware={firmware.elf}")
    for count in range(1, 6):
        text = flash_run(bench, "write", str(firmware.bin), FLASH, name=f"write over a ticking firmware, {count}")
        assert "jolly good!" in text
        flash_run(bench, "reset")


def test_slow_hardware_watchdog_is_fed(simulate: Simulate, build: Build) -> None:
    firmware = build("ticking", "RELOAD=1000")
    bench = simulate(f"sim:stm32f103c8,iwdg=hardware,firmware={firmware.elf}")
    assert "jolly good!" in flash_run(bench, "write", str(firmware.bin), FLASH, name="write, watchdog of 100 ms")


@pytest.mark.parametrize("attempt", [1, 2])
def test_fast_hardware_watchdog_resets_the_loader(simulate: Simulate, build: Build, attempt: int) -> None:
    """1.7.0 feeds the watchdog before each run, which takes 27 ms: the core is reset in it and locks up."""
    firmware = build("ticking", "RELOAD=100")
    bench = simulate(f"sim:stm32f103c8,iwdg=hardware,firmware={firmware.elf}")
    run = bench.run(
        [need("st-flash"), "--debug", "write", str(firmware.bin), FLASH],
        name=f"st-flash: write, watchdog of 10 ms, {attempt}",
    )
    assert run.status
    assert "stlink_flash_loader_run(0x8000000) failed! == -1" in run.text
    state = re.search(r"R2 (0x[0-9a-f]+) R15 (0x[0-9a-f]+)\s.*\s.*DHCSR (0x[0-9a-f]+)", run.text)
    assert state, run.text
    assert state[1] == state[2], "of a core that runs every register reads as the last one that was accessed"
    assert int(state[3], 16) & S_LOCKUP


def test_without_the_internal_oscillator_nothing_is_erased(simulate: Simulate, build: Build) -> None:
    """PM0075 2.3.2: HSI must be on. Every reset turns it on and 10 ms of the old firmware turn it off again."""
    firmware = build("ticking", "HSI_OFF=1")
    bench = simulate(f"sim:stm32f103c8,firmware={firmware.elf}")
    run = bench.run([need("st-flash"), "write", str(firmware.bin), FLASH], name="st-flash: write, HSI off")
    assert run.status
    assert "Failed to erase_flash_page(0x8000000) == -1" in run.text
    assert read_back(bench, len(firmware.image)) == firmware.image
    flash_run(bench, "--connect-under-reset", "write", str(firmware.bin), FLASH)


def test_execution_from_ram_forbidden(simulate: Simulate, build: Build) -> None:
    """The loader's first instruction is refused, the vectors are erased: the core locks up."""
    firmware = build("ticking", "MPU_XN=1")
    bench = simulate(f"sim:stm32f103vg,firmware={firmware.elf}")
    run = bench.run(
        [need("st-flash"), "--debug", "write", str(firmware.bin), FLASH], name="st-flash: write, SRAM not executable"
    )
    assert run.status
    assert "Flash loader run error" in run.text
    state = re.search(r"DHCSR (0x[0-9a-f]+) DFSR \S+ CFSR (0x[0-9a-f]+) HFSR (0x[0-9a-f]+)", run.text)
    assert state, run.text
    assert int(state[1], 16) & S_LOCKUP
    assert (int(state[2], 16), int(state[3], 16)) == (0x0000_0001, 0x4000_0000), "IACCVIOL, FORCED"
