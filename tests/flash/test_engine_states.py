"""What each step of the table is there for, and the disease that the table is against.

The states themselves are in the folder hostile.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Awaitable, Callable

import pytest
import trio
from support.flash_bench import FLASH, Bench, blink, on_board, steps_without

from haltpoint.arm.registers_core import SNAPSHOT, Regsel
from haltpoint.arm.stop import StopReason
from haltpoint.flash.errors import LoaderError
from haltpoint.flash.layout import lay_out
from haltpoint.probes.access import Batch

KEYR, SR, CR = 0x4002_2004, 0x4002_200C, 0x4002_2010
KEY1, KEY2 = 0x4567_0123, 0xCDEF_89AB
PG, PER, STRT, LOCK, PGERR = 0x01, 0x02, 0x40, 0x80, 0x04
RCC_CR, RCC_CFGR, RCC_AHBENR, RCC_APB1ENR = 0x4002_1000, 0x4002_1004, 0x4002_1014, 0x4002_101C
SYST_CSR, SYST_RVR, SYST_CVR, VTOR, MPU_CTRL = 0xE000_E010, 0xE000_E014, 0xE000_E018, 0xE000_ED08, 0xE000_ED94
DEMCR, FP_CTRL, DHCSR, DBGMCU_CR = 0xE000_EDFC, 0xE000_2000, 0xE000_EDF0, 0xE004_2004
S_STICKY = 0x0300_0000  # cleared by reading
KEPT = (CR, RCC_CR, RCC_CFGR, RCC_AHBENR, RCC_APB1ENR, SYST_CSR, SYST_RVR, VTOR, MPU_CTRL, DEMCR, FP_CTRL, DBGMCU_CR)

BOARD = "sim:stm32f103c8"


async def state(bench: Bench) -> dict[str, object]:
    """Everything the engine promises to put back, as the target has it now."""
    batch = Batch()
    words = {f"0x{address:08X}": batch.read(address) for address in KEPT}
    core = batch.read_core(*SNAPSHOT)
    special = batch.read_core(Regsel.SPECIAL)
    dhcsr = batch.read(DHCSR)
    await bench.memory.run(batch)
    return {
        **{name: hex(slot.value & ~(STRT if name == f"0x{CR:08X}" else 0)) for name, slot in words.items()},
        "core": [hex(value) for value in core.value],
        "special": hex(special.value[0]),
        "DHCSR": hex(dhcsr.value & ~S_STICKY),
    }


def noise(length: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(length)


async def load_exactly(bench: Bench, length: int = 3000) -> None:
    """Load noise over whatever is there; content, surroundings and state must be right."""
    before, around = await state(bench), bench.board.read_flash(FLASH + 8192, 57344)
    data = noise(length)
    await bench.load(data)
    assert bench.board.read_flash(FLASH, length) == data
    assert bench.board.read_flash(FLASH + 8192, 57344) == around
    assert await state(bench) == before
    stop = bench.core.stop
    assert stop is not None
    assert [hex(stop.registers[regsel]) for regsel in SNAPSHOT] == before["core"]


async def running(bench: Bench) -> None:
    await bench.run_for(0.0213)


async def locked_up(bench: Bench) -> None:
    """An undefined instruction, and a vector table in erased flash: the fault cannot fetch its handler."""
    catches, bench.core.vector_catch = bench.core.vector_catch, 0
    await bench.poke((DEMCR, 1 << 24), (VTOR, FLASH + 0xF000))
    await bench.core.write_register(Regsel.PC, FLASH + 0xF400)
    await bench.core.resume()
    stop = await bench.core.poll()
    assert stop is not None
    assert stop.reason is StopReason.LOCKUP
    assert stop.pc == 0xFFFF_FFFE
    bench.core.vector_catch = catches


async def stale_error_flags(bench: Bench) -> None:
    bench.board.write_flash(FLASH + 0x100, b"\0\0")
    await bench.poke((KEYR, KEY1), (KEYR, KEY2), (CR, PG))
    await bench.memory.write(FLASH + 0x100, b"\x12\x34")
    assert await bench.memory.read32(SR) & PGERR


async def locked_with_programming_left_on(bench: Bench) -> None:
    await stale_error_flags(bench)
    await bench.poke((CR, PG | LOCK))


async def from_the_crystal_with_hsi_off(bench: Bench) -> None:
    await bench.poke((RCC_CR, 1 << 16 | 1))
    batch = Batch()
    batch.poll(RCC_CR, 1 << 17, 1 << 17)
    batch.write(RCC_CFGR, 1)
    batch.poll(RCC_CFGR, 0xC, 4)
    batch.write(RCC_CR, 1 << 16)
    await bench.memory.run(batch)
    assert not await bench.memory.read32(RCC_CR) & 3


async def a_window_watchdog(bench: Bench) -> None:
    """RM0008 20: PCLK1 / 4096 / 1, 64 counts: 33 ms."""
    await bench.poke((RCC_APB1ENR, 1 << 11), (0x4000_2C04, 0x7F), (0x4000_2C00, 0xFF))


async def dma_into_ram(bench: Bench) -> None:
    """A circular transfer from RAM to where the loader will be, half a million items a second."""
    await bench.poke((RCC_AHBENR, 0x15))
    bench.board.soc.dmas[0].request(1, 500_000)
    await bench.poke((0x4002_000C, 2000), (0x4002_0010, 0x2000_0000), (0x4002_0014, 0x2000_0000), (0x4002_0008, 0xAA1))


async def a_watchpoint_on_the_loader(bench: Bench) -> None:
    layout = lay_out(bench.chip.ram, bench.chip.family.loader)
    mailbox = layout.code + layout.loader.mailbox
    await bench.poke((0xE000_1020, mailbox & ~31), (0xE000_1024, 5), (0xE000_1028, 7))


def test_a_locked_controller_with_programming_left_on() -> None:
    """What is not in the matrix of hostile states."""

    async def body(bench: Bench) -> None:
        for segment in blink().segments:
            bench.board.write_flash(segment.address, segment.data)
        await bench.core.reset(halt=True)
        await bench.run_for(0.01)
        await locked_with_programming_left_on(bench)
        await load_exactly(bench)

    on_board(BOARD, body)


# What each step is there for: without it, the state it is against breaks the load.
NEEDED: list[tuple[Callable[[Bench], Awaitable[None]], tuple[str, ...]]] = [
    (dma_into_ram, ("RCC_AHBENR",)),
    (a_window_watchdog, ("RCC_APB1ENR",)),
    (from_the_crystal_with_hsi_off, ("RCC_CR", "RCC_CFGR")),
    (a_watchpoint_on_the_loader, ("DEMCR",)),
    (running, ("DHCSR", "PRIMASK", "SYST_CSR", "VTOR")),
]


@pytest.mark.parametrize(("hostile", "missing"), NEEDED, ids=[missing[0] for _, missing in NEEDED])
def test_without_its_step_the_state_breaks_the_load(
    hostile: Callable[[Bench], Awaitable[None]], missing: tuple[str, ...]
) -> None:
    async def body(bench: Bench) -> None:
        for segment in blink().segments:
            bench.board.write_flash(segment.address, segment.data)
        await bench.core.reset(halt=True)
        await bench.run_for(0.01)
        await hostile(bench)
        with pytest.raises(Exception, match="failed") as caught:
            await bench.load(noise(3000), steps=steps_without(bench.chip, *missing))
        print(caught.value)

    on_board(BOARD, body)


def test_the_firmware_is_loaded_over_itself_fifty_times() -> None:
    """From four states in turn, no erase in between, each verified."""

    async def body(bench: Bench) -> None:
        image = blink()
        await bench.load_image(image)
        chance = random.Random(2021)
        for turn in range(50):
            await bench.core.reset(halt=True)
            if turn % 4 == 0:
                await bench.core.resume()
                await trio.sleep(chance.uniform(0.001, 0.03))
                assert await bench.core.poll() is None, "it runs, with SysTick on, when the load begins"
                await bench.load_image(image)
                assert bench.holds(image), f"load {turn}, over running firmware"
                continue
            await bench.run_for(chance.uniform(0.001, 0.03))
            if turn % 4 == 1:
                await bench.stop_in_systick()
            if turn % 4 == 2:
                await locked_up(bench)
            before = await state(bench)
            await bench.load_image(image)
            assert bench.holds(image), f"load {turn}"
            assert await state(bench) == before, f"load {turn}"
        await bench.core.reset(halt=True)
        await bench.run_for(0.05)
        assert bench.core.stop is not None
        assert FLASH <= bench.core.stop.pc < FLASH + 2048

    on_board(BOARD, body)


# When the tick comes, in milliseconds of the loader's run, and what it meets. First come the table and the survey; page
# 0 is erased from 9.8 to 29.8 ms; then half-words of 52.5 us follow: the HardFault vector is whole at 30.3 ms, the
# SysTick vector at 31.5 ms.
TICKS = [
    (12.0, "no vectors", True),
    (20.0, "no vectors", True),
    (30.9, "HardFault vector, no SysTick vector", False),
    (32.5, "both vectors, the handler still erased", False),
]


@pytest.mark.parametrize(("milliseconds", "met", "nowhere"), TICKS, ids=[met for _, met, _ in TICKS])
def test_without_masking_the_old_disease_shows(milliseconds: float, met: str, nowhere: bool) -> None:
    """The st-flash report: stopped by vector catch, at FFFFFFFE or in the handler of the image that is being loaded."""

    async def body(bench: Bench) -> None:
        image = blink()
        for segment in image.segments:
            bench.board.write_flash(segment.address, segment.data)
        bench.board.write_flash(image.segments[0].end - 1, b"\x5a")  # nothing is programmed where nothing has changed
        await bench.core.reset(halt=True)
        await bench.run_for(0.01)
        await bench.poke((SYST_RVR, round(milliseconds * 8000)), (SYST_CVR, 0))
        unmasked = steps_without(bench.chip, "DHCSR", "PRIMASK", "SYST_CSR", "VTOR")
        with pytest.raises(LoaderError) as caught:
            await bench.load_image(image, steps=unmasked)
        print(met, caught.value)
        assert "an interrupt or exception led out of the loader" in str(caught.value)
        (hard_fault,) = struct.unpack("<I", image.segments[0].data[12:16])
        assert caught.value.pc == (0xFFFF_FFFE if nowhere else hard_fault & ~1)
        await bench.load_image(image)
        assert bench.holds(image), "and with the whole table it loads"

    on_board(BOARD, body)
