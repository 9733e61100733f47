"""Chips: by name, by id, and against what others have published."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from support.flash_words import CPUID, memory

from haltpoint.flash.chips import chip_named, identify, set_up_debug
from haltpoint.flash.families.stm32f1 import STM32F1
from haltpoint.flash.families.stm32f1_chips import PARTS
from haltpoint.flash.memory_map import Sector
from haltpoint.probes.errors import TargetError, UserError

PUBLISHED = Path(__file__).parents[3] / "shared" / "data" / "stm32-chips.json"


def ids(idcode: int, kib: int, ram_kib: int = 0) -> dict[int, int]:
    return {CPUID: 0x412F_C231, 0xE004_2000: idcode, 0x1FFF_F7E0: kib, 0x2000_0000 + ram_kib * 1024 - 4: 0}


@pytest.mark.parametrize(
    ("idcode", "kib", "ram", "name"),
    [
        (0x2003_6410, 64, 20, "STM32F103x8"),
        (0x2003_6410, 128, 20, "STM32F103xB"),
        (0x1303_0410, 64, 20, "STM32F103x8"),
        (0x2003_6410, 64, 10, "STM32F101x8"),
        (0x2003_6410, 128, 16, "STM32F101xB"),
        (0x1000_6412, 32, 10, "STM32F103x6"),
        (0x1000_6414, 256, 48, "STM32F103xC"),
        (0x1000_6414, 512, 64, "STM32F103xE"),
        (0x1000_6414, 512, 48, "STM32F101xE"),
        (0x1000_6418, 256, 64, "STM32F105xC"),
        (0x1000_6420, 128, 8, "STM32F100xB"),
        (0x1000_6428, 512, 32, "STM32F100xE"),
        (0x1000_6430, 1024, 96, "STM32F103xG"),
        (0x1000_6430, 768, 80, "STM32F101xF"),
    ],
)
async def test_identify(idcode: int, kib: int, ram: int, name: str) -> None:
    chip = await identify(memory(ids(idcode, kib, ram)))
    assert chip.name == name
    assert chip.ram.size == ram * 1024
    assert sum(bank.size for bank in chip.flash) == kib * 1024


@pytest.mark.parametrize(
    ("words", "seen"),
    [
        (ids(0x2003_6410, 0xFFFF, 20), "65535 KiB (0xFFFF)"),
        (ids(0x2003_6410, 0, 20), "0 KiB"),
        (ids(0x2003_6410, 8192, 20), "8192 KiB"),
        (ids(0x1007_6FED, 1024, 128), "DEV_ID 0xFED"),
        (ids(0, 64, 20), "nothing at 0xE0042000"),
        ({CPUID: 0x412F_C231}, "nothing at 0xE0042000"),
        ({CPUID: 0x412F_C231, 0xE004_2000: 0x2003_6410}, "nothing at 0x1FFFF7E0"),
    ],
)
async def test_answers_that_make_no_sense(words: dict[int, int], seen: str) -> None:
    with pytest.raises(TargetError) as caught:
        await identify(memory(words))
    assert seen in str(caught.value)
    assert "--chip" in str(caught.value)


async def test_set_up_debug_freezes_the_watchdogs_and_keeps_other_bits() -> None:
    words = {0xE004_2004: 0x0002_0020}
    await set_up_debug(memory(words), chip_named("STM32F103C8"))
    assert words[0xE004_2004] == 0x0002_0327


@pytest.mark.parametrize("name", ["STM32F103C8", "stm32f103c8t6", "STM32F103C8Tx", " STM32F103c8t6TR "])
def test_a_name_may_carry_package_letters_and_any_case(name: str) -> None:
    chip = chip_named(name)
    assert chip.name == "STM32F103C8"
    assert chip.description == "STM32F103C8, medium density, 64 KiB flash, 20 KiB RAM"


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("STM32F103C7", "STM32F103C8"), ("STM32F103G8", "STM32F103R8"), ("STM32F13C8", "STM32F103C8")],
)
def test_an_unknown_name_offers_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(UserError) as caught:
        chip_named(name)
    assert nearest in str(caught.value)


@pytest.mark.parametrize("name", ["", "esp32", "STM32", "STM32F103C8T6TRXX"])
def test_a_name_like_nothing_gives_a_sentence(name: str) -> None:
    with pytest.raises(UserError, match="no such chip"):
        chip_named(name)


def test_xl_parts_have_two_banks_with_controllers_of_their_own() -> None:
    chip = chip_named("STM32F103ZG")
    assert [(bank.start, bank.size) for bank in chip.flash] == [(0x0800_0000, 0x8_0000), (0x0808_0000, 0x8_0000)]
    assert STM32F1.controller(chip.sector(0x0807_FFFE).bank).offset == 0
    assert STM32F1.controller(chip.sector(0x0808_0000).bank).offset == 0x40


def test_write_protection_bits() -> None:
    """PM0075 2.4.2: 4 KiB a bit; bit 31 guards all the rest of the large parts."""

    def bits(address: int) -> list[int]:
        sector = Sector(address, 2048, 1, 0)
        return [n for n in range(32) if STM32F1.protection.guarded({"WRPR": 0xFFFF_FFFF ^ 1 << n}, sector)]

    assert [bits(0x0800_0000 + offset) for offset in (0, 0x800, 0x1000, 0x1_F000)] == [[0], [0], [1], [31]]
    assert bits(0x080F_F800) == [31]


def test_regions_do_not_overlap() -> None:
    for part in PARTS:
        spans = sorted((region.start, region.end) for region in chip_named(part.name()).regions)
        assert all(a[1] <= b[0] for a, b in itertools.pairwise(spans)), part


def published() -> dict[str, dict[str, Any]]:
    if not PUBLISHED.exists():
        pytest.skip(f"{PUBLISHED} is not there: the chip table is not compared with published data")
    chips = json.loads(PUBLISHED.read_text())["chips"]
    return {name: chip for chip in chips if chip["family"] == "F1" for name in chip["names"]}


def test_every_published_part_is_known_and_no_other() -> None:
    ours = {part.name(pins) for part in PARTS for pins in part.pins}
    assert ours == set(published())


def test_memory_ids_and_pages_agree_with_published_data() -> None:
    for name, record in published().items():
        chip = chip_named(name)
        (memory_map,) = record["mem"]
        banks = [(int(start, 16), size, page) for _, start, size, page, _, _ in memory_map["flash"]]
        assert [(bank.start, bank.size, bank.sector_size) for bank in chip.flash] == banks, name
        assert [(chip.ram.start, chip.ram.size)] == [(int(s, 16), size) for _, s, size in memory_map["ram"]], name
        (part,) = {part for part in PARTS if any(part.name(pins) == name for pins in part.pins)}
        assert part.dev_id == int(record["dev_id"], 16), name
        assert int(record["sys"]["flashsize"], 16) == 0x1FFF_F7E0
