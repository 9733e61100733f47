"""The chip tables of all families against published data, and on their own: names, ids, regions, sectors, RAM."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from support.flash_words import CPUID, memory

from haltpoint.flash.chips import Chip, chip_named, fit, identify
from haltpoint.flash.device import Device
from haltpoint.flash.families import DEVICES
from haltpoint.flash.memory_map import Region

PUBLISHED = Path(__file__).parents[3] / "shared" / "data" / "stm32-chips.json"
OTHER_FAMILIES = {"U0", "U3", "WB0", "WBA"}
ALL_ONES = 0xFFFF_FFFF
OTHER_CONTROLLERS = (0x485,)
"""H7R, H7S: not described."""


def published() -> list[dict[str, Any]]:
    if not PUBLISHED.exists():
        pytest.skip(f"{PUBLISHED} is not there: the chip tables are not compared with published data")
    chips = json.loads(PUBLISHED.read_text())["chips"]
    return [
        chip
        for chip in chips
        if chip["family"] not in OTHER_FAMILIES and int(chip["dev_id"], 16) not in OTHER_CONTROLLERS
    ]


def spans(regions: tuple[Region, ...]) -> list[tuple[int, int, int]]:
    return [(r.start, r.size, r.sector_size) for r in regions if r.kind == "flash"]


def contiguous(ram: list[list[Any]], start: int) -> int:
    size = 0
    for _, address, length, *_ in sorted(ram, key=lambda row: int(row[1], 16)):
        if int(address, 16) == start + size:
            size += length
    return size


def test_every_published_part_is_known_and_no_other() -> None:
    ours = {part.name(pins) for device in DEVICES for part in device.parts for pins in part.pins}
    assert ours == {name for chip in published() for name in chip["names"]}


def test_ids_memory_and_sectors_agree_with_published_data() -> None:
    for record in published():
        for name in record["names"]:
            chip = chip_named(name)
            device = chip.device
            assert device.dev_id == int(record["dev_id"], 16), name
            assert device.size_register == int(record["sys"].get("flashsize", hex(device.size_register)), 16), name
            ours = [spans(device.regions(chip.part, options)) for options in (0, ALL_ONES, device.usual)]
            for layout in record["mem"]:
                wanted = [(int(start, 16), size, sector) for _, start, size, sector, *_ in layout["flash"] if sector]
                assert wanted in ours, name
                assert contiguous(layout["ram"], chip.ram.start) == chip.ram.size, name


@pytest.mark.parametrize("device", DEVICES, ids=lambda device: f"{device.dev_id:03X}")
@pytest.mark.parametrize("options", [0, ALL_ONES])
def test_regions_are_consistent(device: Device, options: int) -> None:
    for part in device.parts:
        regions = device.regions(part, options)
        apart = sorted((region.start, region.end) for region in regions)
        assert all(a[1] <= b[0] for a, b in itertools.pairwise(apart)), part
        flash = [region for region in regions if region.kind == "flash"]
        assert sum(region.size for region in flash) == part.flash_kib * 1024
        seen = set()
        for region in flash:
            assert region.size % region.sector_size == 0
            for start in region.sectors(region.start, region.end):
                sector = region.sector(start)
                assert (sector.bank, sector.number) not in seen, "each sector has a number of its own"
                seen.add((sector.bank, sector.number))
                assert device.family.erase_word(sector) >= 0
                assert device.family.erase(sector.size).maximum >= device.family.erase(sector.size).typical > 0
        for bank in {region.bank for region in flash}:
            assert sorted(n for b, n in seen if b == bank) == list(range(sum(b == bank for b, _ in seen)))


def test_dev_ids_are_unique() -> None:
    assert len({device.dev_id for device in DEVICES}) == len(DEVICES)


def ids(core: int, place: int, idcode: int, chip: Chip) -> dict[int, int]:
    device = chip.device
    words = {CPUID: core, place: idcode, device.size_register: chip.part.flash_kib, chip.ram.end - 4: 0}
    return {**words, **not_remapped(chip), device.options: device.usual} if device.options else words


def not_remapped(chip: Chip) -> dict[int, int]:
    remap = chip.device.remap
    return {remap.register: 0, remap.enable: remap.clock} if remap else {}


CORES = {
    "M0": 0x410C_C200,
    "M0+": 0x410C_C601,
    "M3": 0x412F_C231,
    "M4": 0x410F_C241,
    "M7": 0x411F_C271,
}


@pytest.mark.parametrize(
    ("named", "core", "place", "idcode", "name"),
    [
        ("STM32L431RC", "M4", 0xE004_2000, 0x2001_6435, "STM32L43x/44x (256 KiB)"),
        ("STM32L476RG", "M4", 0xE004_2000, 0x1007_6415, "STM32L47x/48x (1024 KiB)"),
        ("STM32L496AG", "M4", 0xE004_2000, 0x2000_6461, "STM32L49x/4Ax (1024 KiB)"),
        ("STM32F407VG", "M4", 0xE004_2000, 0x1007_6413, "STM32F405/407/415/417 (1024 KiB)"),
        ("STM32F407VG", "M4", 0xE004_2000, 0x2000_0411, "STM32F405/407/415/417 (1024 KiB)"),
        ("STM32F207VG", "M3", 0xE004_2000, 0x2000_0411, "STM32F2xx (1024 KiB)"),
        ("STM32F205RC", "M3", 0xE004_2000, 0x2000_0411, "STM32F2xx (256 KiB)"),
        ("STM32F429ZI", "M4", 0xE004_2000, 0x1003_6419, "STM32F42x/43x (2048 KiB)"),
        ("STM32F303CC", "M4", 0xE004_2000, 0x1000_6422, "STM32F302/303/358xB/C (256 KiB)"),
        ("STM32G474RE", "M4", 0xE004_2000, 0x2001_6469, "STM32G47x/48x (512 KiB)"),
        ("STM32WB55RG", "M4", 0xE004_2000, 0x2001_6495, "STM32WB3x/5x (1024 KiB)"),
        ("STM32F746ZG", "M7", 0xE004_2000, 0x1001_6449, "STM32F74x/75x (1024 KiB)"),
        ("STM32H743ZI", "M7", 0x5C00_1000, 0x2003_6450, "STM32H742 to H757 (2048 KiB)"),
        ("STM32H7A3ZI", "M7", 0x5C00_1000, 0x1000_6480, "STM32H7A3/7B0/7B3 (2048 KiB)"),
    ],
)
async def test_identify(named: str, core: str, place: int, idcode: int, name: str) -> None:
    known = chip_named(named)
    found = await identify(memory(ids(CORES[core], place, idcode, known)))
    assert found.name == name
    assert found.ram == known.ram
    assert found.family is known.family


@pytest.mark.parametrize(
    ("named", "core", "clock", "idcode", "name"),
    [
        ("STM32G071RB", "M0+", (0x4002_103C, 1 << 27), 0x2000_6460, "STM32G07x/08x (128 KiB)"),
        ("STM32C031C6", "M0+", (0x4002_103C, 1 << 27), 0x1000_6453, "STM32C03x (32 KiB)"),
        ("STM32F091RC", "M0", (0x4002_1018, 1 << 22), 0x1000_6442, "STM32F09x/F030xC (256 KiB)"),
        ("STM32L011K4", "M0+", (0x4002_1034, 1 << 22), 0x1000_6457, "STM32L01x/02x (16 KiB)"),
    ],
)
async def test_an_id_behind_a_clock(named: str, core: str, clock: tuple[int, int], idcode: int, name: str) -> None:
    """DBGMCU reads as 0 until its clock is on; the clocks of other families that were tried are put back."""
    known = chip_named(named)
    register, mask = clock
    words = {**ids(CORES[core], 0x4001_5800, idcode, known), 0x4002_1034: 5, 0x4002_103C: 5, 0x4002_1018: 5}
    target = memory(words, gate=(0x4001_5800, register, mask))
    assert (await identify(target)).name == name
    assert words[register] == 5 | mask
    assert all(words[other] == 5 for other in (0x4002_1034, 0x4002_103C, 0x4002_1018) if other != register)


async def fitted(name: str, options: int) -> Chip:
    chip = chip_named(name)
    return await fit(memory({chip.device.options: options, **not_remapped(chip)}), chip)


@pytest.mark.parametrize(
    ("name", "options", "banks"),
    [
        ("STM32L476RE", 1 << 21, [1, 2]),
        ("STM32L476RE", 0, [1]),
        ("STM32L476RG", 0, [1, 2]),
        ("STM32L431RC", 0, [1]),
        ("STM32F429ZG", 0, [1, 1, 1]),
        ("STM32F429ZG", 1 << 30, [1, 1, 1, 2, 2, 2]),
        ("STM32F429ZI", 0, [1, 1, 1, 2, 2, 2]),
        ("STM32F429ZE", 1 << 30, [1, 1, 1]),
        ("STM32F407VG", 0, [1, 1, 1]),
    ],
)
async def test_banks_are_as_the_option_bytes_say(name: str, options: int, banks: list[int]) -> None:
    chip = await fitted(name, options)
    assert [region.bank for region in chip.flash] == banks


async def test_sector_numbers_of_the_second_bank() -> None:
    """RM0090 table 6: 2 MiB, sectors 12 to 23 are written as 16 to 27; RM0351 3.7.6: page in the bank and BKER."""
    chip = await fitted("STM32F429ZI", 0)
    words = [chip.family.erase_word(chip.sector(a)) for a in (0x0800_0000, 0x0801_0000, 0x080E_0000, 0x0810_0000)]
    assert [word >> 3 & 0x1F for word in words] == [0, 4, 11, 16]
    chip = await fitted("STM32F429ZG", 1 << 30)
    assert chip.family.erase_word(chip.sector(0x080E_0000)) >> 3 & 0x1F == 16 + 7
    chip = await fitted("STM32L476RE", 1 << 21)
    assert chip.family.erase_word(chip.sector(0x0804_0800)) == 2 | 1 << 3 | 1 << 11
    chip = await fitted("STM32L476RE", 0)
    assert chip.family.erase_word(chip.sector(0x0804_0800)) == 2 | 129 << 3


@pytest.mark.parametrize("clocked", [False, True])
@pytest.mark.parametrize(
    ("name", "options"),
    [("STM32F429ZI", 0), ("STM32L476RG", 0), ("STM32G474RE", 1 << 22), ("STM32F767ZI", 0), ("STM32L4R5AI", 1 << 22)],
)
async def test_a_chip_started_from_its_second_bank(name: str, options: int, *, clocked: bool) -> None:
    """What is seen first then is bank 2: erasing by address must name that one. SYSCFG reads as 0 without its clock."""
    chip = chip_named(name)
    remap = chip.device.remap
    assert remap is not None
    words = {chip.device.options: options, remap.register: 1 << 8, remap.enable: remap.clock if clocked else 0}
    target = memory(words, gate=(remap.register, remap.enable, remap.clock))
    swapped, straight = await fit(target, chip), await fitted(name, options)
    assert words[remap.enable] == (remap.clock if clocked else 0), "the clock is as it was"
    first, second = straight.flash[0].start, next(region.start for region in straight.flash if region.bank == 2)
    erase = straight.family.erase_word
    assert erase(straight.sector(first)) != erase(straight.sector(second))
    assert erase(swapped.sector(first)) == erase(straight.sector(second))
    assert erase(swapped.sector(second)) == erase(straight.sector(first))
    assert spans(swapped.regions) == spans(straight.regions)
