"""What a debugger, or chance, does to the board: before Haltpoint connects, and to the halted core."""

from __future__ import annotations

from haltpoint.arm.registers_core import Regsel
from haltpoint.probes.errors import HaltpointError
from haltpoint.sim.board import Board
from support.flash_bench import Bench

from .chips import Facts

__all__ = [
    "break_in_the_loader",
    "catch_everything",
    "go_away",
    "half_a_unit",
    "leave_thumb_state",
    "mask_interrupts",
    "pend_everything",
    "pend_nmi",
    "provoke_error",
    "request_dma",
    "set_it_bits",
    "start_erase",
    "watch_the_loader",
]

ISER, ISPR, ICSR = 0xE000_E100, 0xE000_E200, 0xE000_ED04
DHCSR, DEMCR, FP_CTRL, FP_COMP, DWT_COMP = 0xE000_EDF0, 0xE000_EDFC, 0xE000_2000, 0xE000_2008, 0xE000_1020


async def pend_everything(bench: Bench, _facts: Facts) -> None:
    await bench.poke((ISER, 0xFFFF_FFFF), (ISPR, 0xFFFF_FFFF), (ICSR, 1 << 26 | 1 << 28))


async def pend_nmi(bench: Bench, _facts: Facts) -> None:
    await bench.poke((ICSR, 1 << 31))


async def leave_thumb_state(bench: Bench, _facts: Facts) -> None:
    await bench.core.write_register(Regsel.XPSR, 0)


async def set_it_bits(bench: Bench, _facts: Facts) -> None:
    await bench.core.write_register(Regsel.XPSR, 0x6500_0800)


async def request_dma(bench: Bench, _facts: Facts) -> None:
    bench.board.soc.dmas[0].request(1, 500_000)


# --- the flash controller


async def provoke_error(bench: Bench, facts: Facts) -> None:
    """A half-word over one that is not erased (F0, F1), a store without PG elsewhere."""
    address = facts.base + facts.free
    await bench.poke(*(facts.half_open or facts.unlock))
    try:
        if facts.half_words:
            bench.board.write_flash(address, bytes(2))
            await bench.poke((facts.control, 1))
            await bench.memory.write(address, b"\x12\x34")
        else:
            await bench.poke((address, 0x1234_5678))
    except HaltpointError as error:
        print(error)
    assert await bench.memory.read32(facts.status) & facts.errors, "there is an error"


async def start_erase(bench: Bench, facts: Facts) -> None:
    """A page, or on the H7 a sector, behind what is going to be loaded."""
    await bench.poke(*facts.unlock, *facts.start_erase)


async def half_a_unit(bench: Bench, facts: Facts) -> None:
    await bench.poke(
        *facts.unlock, (facts.control, facts.leftovers["programming"]), (facts.base + facts.free, 0x1234_5678)
    )


# --- other debuggers


async def watch_the_loader(bench: Bench, facts: Facts) -> None:
    await bench.poke((DEMCR, 0x0100_07F0 if facts.mainline else 0x0100_0400))
    if facts.armv8:  # a write of a word: MATCH 0110, ACTION 01 (DDI0553 D1.2, DWT_FUNCTION)
        await bench.poke((DWT_COMP, facts.ram + 0x1C0), (DWT_COMP + 8, 2 << 10 | 1 << 4 | 6))
    else:
        await bench.poke((DWT_COMP, facts.ram), (DWT_COMP + 4, 11), (DWT_COMP + 8, 7))


async def break_in_the_loader(bench: Bench, facts: Facts) -> None:
    code = await bench.memory.read32(FP_CTRL) >> 4 & 0xF
    whole = facts.core in {"M7", "M33"}
    for index in range(code):
        at = facts.ram + 0x40 + 2 * index if whole else facts.base + 4 * index
        await bench.poke((FP_COMP + 4 * index, at | 1 if whole else at & 0x1FFF_FFFC | 0xC000_0001))
    await bench.poke((FP_CTRL, 3))


async def catch_everything(bench: Bench, _facts: Facts) -> None:
    await bench.poke((DEMCR, 0x010F_07F1))


async def mask_interrupts(bench: Bench, _facts: Facts) -> None:
    await bench.poke((DHCSR, 0xA05F_000B))


def go_away(board: Board, facts: Facts) -> None:
    """Halted, reset catch and breakpoints on, and the probe unplugged."""
    machine = board.machine
    machine.ap_write(DHCSR, 0xA05F_0003, 4)
    machine.ap_write(DEMCR, 0x0100_0401, 4)
    machine.ap_write(
        FP_COMP, facts.base & 0x1FFF_FFFC | 0xC000_0001 if facts.core not in {"M7", "M33"} else facts.base | 1, 4
    )
    machine.ap_write(FP_CTRL, 3, 4)
