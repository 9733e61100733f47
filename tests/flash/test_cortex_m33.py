"""What is particular to families with a Cortex-M33: stack limits, TrustZone, banks that are swapped."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from support.flash_bench import FLASH, Bench, on_board, steps_without
from support.flash_words import memory

from haltpoint.arm.memory import InlineExecutor, Memory
from haltpoint.flash.chips import chip_named, fit
from haltpoint.flash.controller import check_protection
from haltpoint.flash.errors import LoaderError, ProtectedError
from haltpoint.flash.families.cortex_m33 import STACK_LIMITS
from haltpoint.flash.sanitize import Sanitizer
from haltpoint.flash.unlock import unlock
from haltpoint.flash.visit import default_steps
from haltpoint.probes.access import Access, Batch, ReadCore, Result, WriteCore
from haltpoint.probes.probe import ProbeInfo

M33 = ("STM32L552CC", "STM32U575AG", "STM32H563ZI", "STM32H503CB")
OTHERS = ("STM32F407VG", "STM32H743ZI", "STM32G071RB", "STM32F091RC")


class CoreRegisters:
    """Core registers by number and what was written to them."""

    info = ProbeInfo("registers", "0", "0", "registers")

    def __init__(self, registers: dict[int, int]) -> None:
        self.registers = registers
        self.written: list[tuple[int, int]] = []

    def run(self, accesses: Sequence[Access]) -> list[Result]:
        results: list[Result] = []
        for access in accesses:
            assert isinstance(access, (ReadCore, WriteCore))
            if isinstance(access, WriteCore):
                self.registers[access.register] = access.value
                self.written.append((access.register, access.value))
                results.append(None)
            else:
                results.append(tuple(self.registers[number] for number in access.registers))
        return results

    def voltage(self) -> float | None:
        return None

    def set_speed(self, khz: int) -> int:
        return khz

    def connect(self) -> None: ...

    def set_reset(self, asserted: bool) -> None: ...

    def close(self) -> None: ...


async def test_stack_limits_are_lifted_and_put_back() -> None:
    """DDI0553, DCRSR: 0x1C to 0x1F. Those that are 0 are left alone."""
    core = CoreRegisters({0x1C: 0, 0x1D: 0, 0x1E: 0x2000_1000, 0x1F: 0x2000_0400})
    sanitizer = Sanitizer(Memory(core, InlineExecutor()), STACK_LIMITS)
    await sanitizer.save()
    await sanitizer.change()
    assert set(core.registers.values()) == {0}
    assert [number for number, _ in core.written] == [0x1E, 0x1F]
    await sanitizer.restore()
    assert core.registers == {0x1C: 0, 0x1D: 0, 0x1E: 0x2000_1000, 0x1F: 0x2000_0400}


def test_who_has_stack_limits() -> None:
    """DCRSR selectors of v8-M must not be used on an older core, where they are other registers or none."""
    for name in M33:
        assert set(STACK_LIMITS) < set(default_steps(chip_named(name))), name
    for name in OTHERS:
        steps = default_steps(chip_named(name))
        assert not set(STACK_LIMITS) & set(steps), name
        assert not [step for step in steps if step.core and 0x18 <= step.address <= 0x1F], name


@pytest.mark.parametrize(
    ("name", "register", "off", "on"),
    [
        ("STM32L552CC", 0x4002_2040, 0x7FEF_F8AA, 0xFFEF_F8AA),
        ("STM32U575AG", 0x4002_2040, 0x1FEF_F8AA, 0x9FEF_F8AA),
        ("STM32H563ZI", 0x4002_2070, 0xC300_0000, 0xB400_0000),
    ],
)
async def test_trustzone_is_told_before_anything_is_touched(name: str, register: int, off: int, on: int) -> None:
    chip = chip_named(name)
    words = dict.fromkeys(chip.family.protection.registers.values(), 0xFFFF_FFFF)
    for address in words:
        if address in (0x4002_2058, 0x4002_205C, 0x4002_2068, 0x4002_206C):
            words[address] = 0x0000_00FF  # an area that ends before it starts
    if name.startswith("STM32H5"):
        words[0x4002_2050] = 0xED << 8
    words[register] = off
    sectors = [chip.sector(0x0800_0000)]
    target = memory(words)
    await check_protection(target, chip.family, sectors)
    words[register] = on
    before = dict(words)
    with pytest.raises(ProtectedError, match="TrustZone is in use on this chip") as caught:
        await check_protection(target, chip.family, sectors)
    assert "Clear TZEN" in str(caught.value)
    assert words == before


@pytest.mark.parametrize(
    ("name", "straight", "swapped"),
    [
        ("STM32U575AI", 1 << 21, 1 << 21 | 1 << 20),
        ("STM32L552CE", 1 << 22, 1 << 22 | 1 << 20),
        ("STM32H563ZI", 0, 1 << 31),
        ("STM32G0B1RE", 1 << 21 | 1 << 20, 1 << 21),
    ],
)
async def test_swapped_banks_keep_their_names_in_the_control_register(name: str, straight: int, swapped: int) -> None:
    """The bank bit names the bank as it is built, wherever it is seen: erasing by address must follow the swap."""
    chip = chip_named(name)
    for options, order in ((straight, [1, 2]), (swapped, [2, 1])):
        found = await fit(memory({chip.device.options: options}), chip)
        assert [region.bank for region in found.flash] == order
        assert [region.start for region in found.flash] == sorted(region.start for region in found.flash)
    straight_chip = await fit(memory({chip.device.options: straight}), chip)
    swapped_chip = await fit(memory({chip.device.options: swapped}), chip)
    first, second = (region.start for region in straight_chip.flash)
    words = [straight_chip.family.erase_word(straight_chip.sector(address)) for address in (first, second)]
    assert words[0] != words[1]
    assert [swapped_chip.family.erase_word(swapped_chip.sector(a)) for a in (second, first)] == words


BOARDS = ("sim:stm32u575zi", "sim:stm32h563zi")
BANK_2 = 0x0810_0000
LIMIT_STEPS = tuple(step.name for step in STACK_LIMITS)


def noise(length: int) -> bytes:
    return random.Random(length).randbytes(length)


async def set_limits(bench: Bench, value: int) -> None:
    batch = Batch()
    batch.write_core(0x1E, value)
    batch.write_core(0x1F, value)
    await bench.memory.run(batch)


@pytest.mark.parametrize("board", BOARDS)
def test_a_firmware_with_stack_limits_above_the_loader(board: str) -> None:
    """The loader's stack lies at the start of RAM: without the steps its first push is a stack overflow."""

    async def test(bench: Bench) -> None:
        await set_limits(bench, 0x2000_8000)
        with pytest.raises(LoaderError, match="STKOF"):
            await bench.load(noise(3000), steps=steps_without(bench.chip, *LIMIT_STEPS))
        await bench.core.reset(halt=True)
        await set_limits(bench, 0x2000_8000)
        await bench.load(noise(5000))
        assert bench.board.read_flash(FLASH, 5000) == noise(5000)
        batch = Batch()
        limits = batch.read_core(0x1E, 0x1F)
        await bench.memory.run(batch)
        assert limits.value == (0x2000_8000, 0x2000_8000)

    on_board(board, test)


@pytest.mark.parametrize("board", BOARDS)
def test_loads_across_the_banks_and_at_odd_places(board: str) -> None:
    async def test(bench: Bench) -> None:
        start, data = BANK_2 - 5003, noise(12_345)
        bench.board.write_flash(BANK_2 - 8192, b"\x11" * 8192)
        bench.board.write_flash(BANK_2, b"\x22" * 16384)
        session = bench.session()
        session.write(start, data)
        await session.finish()
        assert bench.board.read_flash(start, len(data)) == data
        assert set(bench.board.read_flash(BANK_2 - 8192, 8192 - 5003)) == {0x11}, "the rest of the first sector"
        assert set(bench.board.read_flash(start + len(data), BANK_2 + 8192 - start - len(data))) == {0x22}
        assert set(bench.board.read_flash(BANK_2 + 8192, 8192)) == {0x22}

    on_board(board, test)


@pytest.mark.parametrize("board", BOARDS)
def test_protected_sectors_are_told(board: str) -> None:
    async def test(bench: Bench) -> None:
        with pytest.raises(ProtectedError, match="write-protected"):
            await bench.load(noise(100), FLASH + 8 * 8192)
        assert bench.board.read_flash(FLASH, 8192) == b"\xff" * 8192
        await unlock(bench.core, bench.chip)
        await bench.load(noise(100), FLASH + 8 * 8192)
        assert bench.board.read_flash(FLASH + 8 * 8192, 100) == noise(100)

    on_board(f"{board},wrp=8-11", test)
