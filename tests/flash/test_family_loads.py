"""Loads on a simulated board of each family: exact, nothing else touched, in about the flash's own time."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
from support.flash_bench import FLASH, Bench, on_board
from support.flash_load import extent, load, noise, own_seconds, ticking, timed

from haltpoint.flash.errors import FlashError, ProtectedError

KIB = 1024
SYST_CSR = 0xE000_E010
LONG = 128 * KIB
"""Erasing such a sector takes the simulator seconds: fewer of them."""


@dataclass(frozen=True)
class Own:
    """The data sheet's typical times: seconds for a sector by size, seconds for a unit of programming."""

    erase: dict[int, float]
    program: float


L4 = Own({2048: 22.02e-3}, 81.69e-6)
F4 = Own({16384: 0.25, 65536: 0.55, 131072: 1.0}, 16e-6)
G0 = Own({2048: 22e-3}, 85e-6)
F0 = Own({2048: 30e-3}, 52.5e-6)
G4 = Own({2048: 22.02e-3, 4096: 22.02e-3}, 81.7e-6)
L0 = Own({128: 3.28e-3, 256: 3.28e-3}, 3.28e-3)
H7 = Own({131072: 1.0}, 100e-6)

OWN = {
    "stm32l431rc": L4,
    "stm32l496ag": L4,
    "stm32f405rg": F4,
    "stm32f407vg": F4,
    "stm32f429zi": F4,
    "stm32g071rb": G0,
    "stm32g0b1re": G0,
    "stm32c031c6": G0,
    "stm32h743zi": H7,
    "stm32f091rc": F0,
    "stm32g431rb": G4,
    "stm32g474re": G4,
    "stm32wb55rg": Own({4096: 22.02e-3}, 81.7e-6),
    "stm32wle5jc": G4,
    "stm32l051c8": L0,
    "stm32l152re": L0,
}
WRP = {
    "stm32l431rc": ("wrp=8-9", 8 * 2 * KIB, "WRP1AR reads 0x"),
    "stm32l496ag": ("wrp=8-9", 8 * 2 * KIB, "WRP1AR reads 0x"),
    "stm32f405rg": ("wrp=2-3", 2 * 16 * KIB, "OPTCR reads 0x"),
    "stm32f407vg": ("wrp=2-3", 2 * 16 * KIB, "OPTCR reads 0x"),
    "stm32f429zi": ("wrp=2-3", 2 * 16 * KIB, "OPTCR reads 0x"),
    "stm32g071rb": ("wrp=8-9", 8 * 2 * KIB, "WRP1AR reads 0x"),
    "stm32g0b1re": ("wrp=8-9", 8 * 2 * KIB, "WRP1AR reads 0x"),
    "stm32c031c6": ("wrp=8-9", 8 * 2 * KIB, "WRP1AR reads 0x"),
    "stm32f091rc": ("wrp=8-9", 8 * 2 * KIB, "WRPR reads 0x"),
    "stm32g431rb": ("wrp=8-9", 8 * 2 * KIB, "WRP1AR reads 0x"),
    "stm32g474re": ("wrp=8-9", 8 * 2 * KIB, "WRP1AR reads 0x"),
    "stm32wb55rg": ("wrp=8-9", 8 * 4 * KIB, "WRP1AR reads 0x"),
    "stm32wle5jc": ("wrp=8-9", 8 * 2 * KIB, "WRP1AR reads 0x"),
    "stm32l051c8": ("wrp=64-95", 2 * 4 * KIB, "WRPR1 reads 0x"),
    "stm32l152re": ("wrp=32-47", 2 * 4 * KIB, "WRPR1 reads 0x"),
    "stm32h743zi": ("wrp=1-2", 128 * KIB, "WPSN_CUR1 reads 0x"),
}
BUDGETED = {"stm32f407vg", "stm32l431rc", "stm32g071rb", "stm32h743zi"}
boards = pytest.mark.parametrize("chip", OWN)


@boards
@pytest.mark.parametrize("probe", ["stlink-v2-1", "stlink-v3"])
def test_first_load_of_64_kib_takes_the_flashs_own_time(chip: str, probe: str) -> None:
    """Or of the whole chip. A core other than M3 and M4 takes more transfers: blocks end at 1 KiB there."""

    async def body(bench: Bench) -> None:
        length = min(64 * KIB, bench.chip.part.flash_kib * KIB)
        seconds, transfers = await timed(bench, FLASH, noise(length))
        ratio = seconds / own_seconds(bench.chip, FLASH, length, OWN[chip].erase, OWN[chip].program)
        kib = length // KIB
        print(f"{chip} over {probe}: {kib} KiB in {seconds:.3f} s, {ratio:.3f} of its own, {transfers} transfers")
        assert ratio <= (1.10 if chip in BUDGETED else 1.18 if length == 64 * KIB and OWN[chip] is not L0 else 1.30)
        assert transfers <= (200 if bench.core.info.name in {"Cortex-M3", "Cortex-M4"} else 560)

    on_board(f"sim:{chip},probe={probe}", body)


@boards
def test_odd_places_keep_what_is_around(chip: str) -> None:
    """Also over sectors that differ in size, and without having asked for an erase."""

    async def body(bench: Bench) -> None:
        first = bench.chip.sector(FLASH).size
        places = ((first - 7, 9), (0, 1), (1, 1), (first - 1, 2), (3, 2 * first + 5), (4 * first - 3, 7))
        for offset, length in places if first < LONG else places[:1]:
            start, end = extent(bench.chip, FLASH + offset, length)
            start, end = max(FLASH, start - first), end + first
            before, data = noise(end - start, seed=offset), noise(length)
            bench.board.write_flash(start, before)
            session = bench.session()
            session.write(FLASH + offset, data)
            await session.finish()
            at = FLASH + offset - start
            assert bench.board.read_flash(start, end - start) == before[:at] + data + before[at + length :]

    on_board(f"sim:{chip}", body)


@boards
def test_the_end_of_each_bank_and_the_way_across(chip: str) -> None:
    async def body(bench: Bench) -> None:
        places = [end - 3000 for start, size in bench.chip.banks for end in (start + size,)]
        numbers = [region.bank for region in bench.chip.flash]
        borders = [r.start for r, bank in zip(bench.chip.flash[1:], numbers, strict=False) if r.bank != bank]
        for address in [*places, *(border - 1501 for border in borders)]:
            data = noise(3000, seed=address)
            await load(bench, address, data)
            assert bench.board.read_flash(address, len(data)) == data
        assert bool(borders) == (len(set(numbers)) > 1)

    on_board(f"sim:{chip}", body)


@boards
def test_reload_over_running_firmware(chip: str) -> None:
    async def body(bench: Bench) -> None:
        chance = random.Random(3)
        for _ in range(4 if bench.chip.sector(FLASH).size < LONG else 1):
            await load(bench, FLASH, ticking())
            await bench.core.reset(halt=True)
            await bench.run_for(0.01 + chance.random() / 500)
            assert await bench.memory.read32(SYST_CSR) & 7 == 7
            data = noise(3001)
            await load(bench, FLASH, data)
            assert bench.board.read_flash(FLASH, len(data)) == data

    on_board(f"sim:{chip}", body)


@boards
def test_leftovers_in_the_controller_and_its_lock_afterwards(chip: str) -> None:
    async def body(bench: Bench) -> None:
        family = bench.chip.family
        registers = family.controllers[0]
        for control in (family.program_word, family.erase_word(bench.chip.sector(FLASH))):
            await bench.poke(*((registers.key, key) for key in family.keys))
            await bench.poke(*((register, key) for _, register, keys in registers.further for key in keys))
            await bench.poke((registers.control, control))
            before = await bench.memory.read32(registers.control)
            await load(bench, FLASH, noise(2001, seed=control))
            assert bench.board.read_flash(FLASH, 2001) == noise(2001, seed=control)
            assert await bench.memory.read32(registers.control) == before
            assert before & control == control
            await bench.core.reset(halt=True)
        assert await bench.memory.read32(registers.control) & family.lock
        await load(bench, FLASH, noise(100))
        assert await bench.memory.read32(registers.control) & family.lock, "locked again"

    on_board(f"sim:{chip}", body)


@boards
def test_stale_errors(chip: str) -> None:
    """A store while nothing is set up is an error that later operations would find."""

    async def body(bench: Bench) -> None:
        family = bench.chip.family
        registers = family.controllers[0]
        bench.board.write_flash(FLASH + 0x100, bytes(2))
        await bench.poke(*((registers.key, key) for key in family.keys))
        if family.program_unit == 2:  # other accesses than half-words fault there
            await bench.poke((registers.control, family.program_word or 1))
            await bench.memory.write(FLASH + 0x100, b"\x12\x34")
        else:
            await bench.poke((FLASH + 0x100, 0x1234_5678))
        assert await bench.memory.read32(registers.status) & family.error_mask
        await load(bench, FLASH, noise(2001))
        assert bench.board.read_flash(FLASH, 2001) == noise(2001)

    on_board(f"sim:{chip}", body)


@boards
def test_an_independent_watchdog_is_kept_quiet(chip: str) -> None:
    """LSI / 4, 400 counts: about 50 ms, and not to be stopped."""

    async def body(bench: Bench) -> None:
        key = bench.chip.family.watchdog_key
        await bench.poke((key, 0x5555), (key + 4, 0), (key + 8, 400), (key, 0xCCCC), (key, 0xAAAA))
        data = noise(20_001)
        await load(bench, FLASH, data)
        assert bench.board.read_flash(FLASH, len(data)) == data

    on_board(f"sim:{chip}", body)


@boards
def test_write_protection_is_seen_before_anything_is_erased(chip: str) -> None:
    option, offset, seen = WRP[chip]

    async def body(bench: Bench) -> None:
        address = FLASH + offset
        before = noise(8 * KIB, seed=2)
        bench.board.write_flash(address - 4 * KIB, before)
        with pytest.raises(ProtectedError) as caught:
            await load(bench, address - 100, noise(200))
        sentence = str(caught.value)
        assert f"at 0x{address:08X} failed: the sector there is write-protected" in sentence
        assert seen in sentence
        assert "Nothing has been erased" in sentence
        assert bench.board.read_flash(address - 4 * KIB, len(before)) == before

    on_board(f"sim:{chip},{option}", body)


@boards
def test_readout_protection_gives_its_cure(chip: str) -> None:
    async def body(bench: Bench) -> None:
        with pytest.raises(ProtectedError, match="readout protection is on") as caught:
            await load(bench, FLASH, noise(100))
        assert "Removing it erases the whole flash: run 'haltpoint unlock'" in str(caught.value)

    on_board(f"sim:{chip},rdp=1", body)


@boards
def test_a_controller_locked_until_reset(chip: str) -> None:
    async def body(bench: Bench) -> None:
        registers = bench.chip.family.controllers[0]
        try:
            await bench.poke((registers.key, 0x1234_5678))
        except Exception as error:  # noqa: BLE001 - some families fault, others keep quiet
            print(error)
        with pytest.raises(FlashError, match="locked it until the next reset"):
            await load(bench, FLASH, noise(100))
        await bench.core.reset(halt=True)
        await load(bench, FLASH, noise(100))

    on_board(f"sim:{chip}", body)
