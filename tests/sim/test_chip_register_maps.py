"""Register maps against ST's published ones, where that file is at hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from haltpoint.sim import dbgmcu, dma, fpec, rcc, watchdog
from haltpoint.sim.board import Board, open_board

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "stm32-registers.json"

Registers = dict[str, list[Any]]


@pytest.fixture(scope="module")
def published() -> dict[str, tuple[int, Registers]]:
    if not DATA.exists():
        pytest.skip(f"{DATA.name} is not beside the repository")
    svd = json.loads(DATA.read_text())["svd"]
    peripherals = svd["devices"]["F103"]["periph"]
    return {name: (int(base, 16), svd["pool"][key]) for name, (base, key) in peripherals.items()}


@pytest.fixture(scope="module")
def board() -> Board:
    return open_board("sim:stm32f103rc,power=on")


def mask(registers: Registers, register: str, *fields: str) -> int:
    found = registers[register][4]
    return sum(((1 << found[name][1]) - 1) << found[name][0] for name in fields)


NOT_AS_PUBLISHED = {
    ("RCC", "CR"): 0xFFFF_00FF,  # HSICAL is each part's own
    ("RCC", "CSR"): 0xFFFF_FFFF,
    ("DBG", "IDCODE"): 0,  # each part's own
}


@pytest.mark.parametrize("name", ["FLASH", "RCC", "IWDG", "WWDG", "DMA1", "DMA2", "DBG", "PWR"])
def test_bases_offsets_and_reset_values(name: str, published: dict[str, tuple[int, Registers]], board: Board) -> None:
    base, registers = published[name]
    machine = board.machine
    machine.ap_write(0x4002_1014, 0x17, 4)
    machine.ap_write(0x4002_101C, 1 << 11 | 1 << 28, 4)
    changed_here, absent = (
        {"AHBENR", "APB1ENR"},
        {"CCR6", "CCR7"},
    )  # ST describes DMA2 as a second DMA1: it has 5 channels
    own = {"RCC": changed_here, "DMA2": absent}.get(name, set())
    for register, facts in registers.items():
        if register in own:
            continue
        care = NOT_AS_PUBLISHED.get((name, register), 0xFFFF_FFFF)
        value = machine.ap_read(base + int(facts[0], 16), 4)
        assert value & care == int(facts[2], 16) & care, f"{name}_{register}"


def test_flash_fields(published: dict[str, tuple[int, Registers]]) -> None:
    _, flash = published["FLASH"]
    status = {"BSY": fpec.BSY, "PGERR": fpec.PGERR, "WRPRTERR": fpec.WRPRTERR, "EOP": fpec.EOP}
    assert {name: mask(flash, "SR", name) for name in status} == status
    control = {
        "PG": fpec.PG,
        "PER": fpec.PER,
        "MER": fpec.MER,
        "OPTPG": fpec.OPTPG,
        "OPTER": fpec.OPTER,
        "STRT": fpec.STRT,
        "LOCK": fpec.LOCK,
        "OPTWRE": fpec.OPTWRE,
        "ERRIE": fpec.ERRIE,
        "EOPIE": fpec.EOPIE,
    }
    assert {name: mask(flash, "CR", name) for name in control} == control
    assert mask(flash, "ACR", "LATENCY", "HLFCYA") == fpec.ACR_LATENCY_AND_HALF_CYCLE
    assert (mask(flash, "ACR", "PRFTBE"), mask(flash, "ACR", "PRFTBS")) == (fpec.PRFTBE, fpec.PRFTBS)


def test_option_register_fields(published: dict[str, tuple[int, Registers]]) -> None:
    _, flash = published["FLASH"]
    board = open_board("sim:stm32f103c8,rdp=1,iwdg=hardware")
    assert board.machine.ap_read(0x4002_201C, 4) == 0x03FF_FFFC & ~mask(flash, "OBR", "WDG_SW") | mask(
        flash, "OBR", "RDPRT"
    )


def test_clock_fields(published: dict[str, tuple[int, Registers]]) -> None:
    _, clocks = published["RCC"]
    assert mask(clocks, "CR", "HSION") == rcc.HSION
    assert mask(clocks, "CR", "HSIRDY") == rcc.HSIRDY
    assert mask(clocks, "CR", "HSEON", "HSERDY", "PLLON", "PLLRDY") == rcc.HSEON | rcc.HSERDY | rcc.PLLON | rcc.PLLRDY
    assert mask(clocks, "CFGR", "PLLSRC", "PLLXTPRE", "PLLMUL") == rcc.CFGR_PLL
    causes = {
        "PINRSTF": rcc.ResetCause.PIN,
        "PORRSTF": rcc.ResetCause.POWER,
        "SFTRSTF": rcc.ResetCause.SOFTWARE,
        "IWDGRSTF": rcc.ResetCause.IWDG,
        "WWDGRSTF": rcc.ResetCause.WWDG,
        "LPWRRSTF": rcc.ResetCause.LOW_POWER,
    }
    assert {name: mask(clocks, "CSR", name) for name in causes} == causes
    assert mask(clocks, "CSR", "LSION", "LSIRDY", "RMVF") == rcc.LSION | rcc.LSIRDY | rcc.RMVF
    for register in ("APB2RSTR", "APB1RSTR", "AHBENR", "APB2ENR", "APB1ENR"):
        assert mask(clocks, register, *clocks[register][4]) == rcc.MASKS[register], register
    for register in ("CR", "CFGR", "APB2RSTR", "APB1RSTR", "AHBENR", "APB2ENR", "APB1ENR", "CSR"):
        assert int(clocks[register][0], 16) == rcc.OFFSETS[register]


def test_debug_fields(published: dict[str, tuple[int, Registers]]) -> None:
    _, debug = published["DBG"]
    assert mask(debug, "CR", *debug["CR"][4]) == dbgmcu.CR_MASK
    assert mask(debug, "CR", "DBG_IWDG_STOP") == dbgmcu.DBG_IWDG_STOP
    assert mask(debug, "CR", "DBG_WWDG_STOP") == dbgmcu.DBG_WWDG_STOP


def test_watchdog_offsets(published: dict[str, tuple[int, Registers]]) -> None:
    _, registers = published["IWDG"]
    offsets = {name: int(facts[0], 16) for name, facts in registers.items()}
    assert offsets == {"KR": watchdog.KR, "PR": watchdog.PR, "RLR": watchdog.RLR, "SR": watchdog.SR}


def test_dma_fields(published: dict[str, tuple[int, Registers]]) -> None:
    _, registers = published["DMA1"]
    fields = registers["CCR1"][4] if len(registers["CCR1"]) > 4 else {}
    known = {
        "EN": dma.EN,
        "TCIE": dma.TCIE,
        "HTIE": dma.HTIE,
        "TEIE": dma.TEIE,
        "DIR": dma.DIR,
        "CIRC": dma.CIRC,
        "PINC": dma.PINC,
        "MINC": dma.MINC,
        "MEM2MEM": dma.MEM2MEM,
    }
    for name in known.keys() & fields.keys():
        assert 1 << fields[name][0] == known[name], name
    assert [int(registers[f"CCR{n}"][0], 16) for n in range(1, 8)] == [8 + 0x14 * n for n in range(7)]
