"""A compiled firmware that checks itself under a storm of exceptions; and the speed the simulator must keep."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import pytest
from support.cortex import CODE, FLASH, RAM, SYST, Bench
from support.thumb import Asm

from haltpoint.sim.engine import PRIMASK

HERE = Path(__file__).parent / "firmware"
COUNTERS = ("ticks", "svcs", "pends", "irq0s", "irq1s", "faults", "errors", "rounds", "sleeps")


@pytest.fixture(scope="module", params=[2, 3], ids=["privileged", "unprivileged"])
def torture(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, dict[str, int]]:
    compiler = shutil.which("arm-none-eabi-gcc")
    if compiler is None:
        pytest.skip("arm-none-eabi-gcc is not installed")
    folder = tmp_path_factory.mktemp("torture")
    elf, image = folder / "torture.elf", folder / "torture.bin"
    options = ["-mcpu=cortex-m3", "-mthumb", "-O2", "-ffreestanding", "-nostdlib", f"-DTHREAD_CONTROL={request.param}"]
    script = [f"-Wl,-T,{HERE / 'torture.ld'}", str(HERE / "torture.c"), "-o", str(elf)]
    subprocess.run([compiler, *options, *script], check=True)
    subprocess.run(["arm-none-eabi-objcopy", "-O", "binary", "-j", ".text", elf, image], check=True)
    listing = subprocess.run(["arm-none-eabi-nm", elf], check=True, capture_output=True, text=True).stdout
    symbols = {line.split()[2]: int(line.split()[0], 16) for line in listing.splitlines()}
    return image.read_bytes(), symbols


def run(image: bytes, slices: list[int], total: int = 1_000_000) -> Bench:
    bench = Bench()
    bench.machine.bus.patch(FLASH, image)
    bench.start()
    done = index = 0
    while done < total:
        step = min(slices[index % len(slices)], total - done)
        bench.run(step)
        done, index = done + step, index + 1
    return bench


def test_no_self_check_fails_and_every_exception_happened(torture: tuple[bytes, dict[str, int]]) -> None:
    image, symbols = torture
    bench = run(image, [1_000_000])
    counts = {name: bench.words(symbols[name], 1)[0] for name in COUNTERS}
    assert counts["errors"] == 0
    assert counts["ticks"] in range(245, 251)
    assert counts["pends"] == counts["ticks"] // 4
    assert counts["irq0s"] == counts["irq1s"] == counts["ticks"] // 8
    assert counts["rounds"] > 80
    assert abs(counts["faults"] - counts["rounds"]) <= 1
    assert abs(counts["svcs"] - counts["rounds"]) <= 1
    assert counts["sleeps"] == -(-counts["rounds"] // 8)


@pytest.mark.parametrize("slices", [[997], [13, 50_000], [101]], ids=str)
def test_slicing_changes_nothing(torture: tuple[bytes, dict[str, int]], slices: list[int]) -> None:
    image, _ = torture
    assert run(image, slices, 300_000).state() == run(image, [300_000], 300_000).state()


def test_stopping_and_going_on_changes_nothing_but_time(torture: tuple[bytes, dict[str, int]]) -> None:
    image, symbols = torture
    bench = run(image, [50_000], 50_000)
    for _ in range(300):
        bench.halt()
        bench.run(777)
        bench.dhcsr(1)
        bench.run(991)
    assert bench.words(symbols["errors"], 1) == (0,)
    assert bench.words(symbols["rounds"], 1)[0] > 20


def test_stepping_runs_the_same_program(torture: tuple[bytes, dict[str, int]]) -> None:
    image, symbols = torture
    bench = run(image, [10_000], 10_000).halt()
    for _ in range(3000):
        bench.dhcsr(5)
        bench.clock.advance(125_000)
    bench.dhcsr(1)
    bench.run(200_000)
    assert bench.words(symbols["errors"], 1) == (0,)


# --- speed: processor time, with room for a busy machine


def test_a_loader_that_polls_a_shadow_register_runs_far_faster_than_real_time() -> None:
    code = Asm(CODE).load(0, 0x4000_1000).label("loop").ldr(1, 0).half(0x4211).b_if("eq", "loop").b("loop")
    bench = Bench().program(code).start()
    start = time.process_time()
    bench.run(8_000_000)
    assert time.process_time() - start < 0.5


def test_an_exception_costs_some_tens_of_microseconds() -> None:
    code = Asm(CODE).poke(SYST + 4, 799).poke(SYST + 8, 0).poke(SYST, 7).label("loop").b("loop").label("tick").bx(14)
    bench = Bench().program(code, {15: "tick"}).start()
    start = time.process_time()
    bench.run(800 * 2000)
    assert (time.process_time() - start) / 2000 < 150e-6


@pytest.mark.parametrize("masked", [False, True], ids=["quiet", "an interrupt pending behind PRIMASK"])
def test_programming_from_ram_costs_some_tens_of_microseconds_a_half_word(masked: bool) -> None:
    ram = Asm(RAM).load(0, FLASH + 0x1000).load(4, 0x4000_1000).load(5, 2000).label("loop").strh(5, 0).half(0x3002)
    ram.label("poll").ldr(6, 4).cmp(6, 0).b_if("ne", "poll").subs(5, 1).cmp(5, 0).b_if("ne", "loop").label("end").b(
        "end"
    )
    bench = Bench().program(Asm(CODE).load(0, RAM | 1).bx(0))
    bench.machine.bus.patch(RAM, ram.assemble())
    bench.flash.duration = 52_000_000
    bench.start()
    if masked:
        bench.write(0xE000_E100, 1)
        bench.set_register_while_running(PRIMASK, 1)
        bench.machine.set_irq(0)
    start = time.process_time()
    bench.run(420 * 2100)
    assert len(bench.flash.log) == 2000
    assert (time.process_time() - start) / 2000 < 150e-6
