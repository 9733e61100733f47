"""What no loader can cure: how a board gets there, what Haltpoint must say, and what must then help."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from haltpoint.arm.core import ConnectMode
from haltpoint.probes.errors import HaltpointError
from haltpoint.sim.board import Board
from support.flash_bench import Bench

from . import debugger, living
from .facts import Facts, Ops
from .firmware import Firmware

__all__ = ["SENTENCES", "Sentence"]

Making = Callable[[Bench, Facts], Awaitable[None]]


@dataclass(frozen=True)
class Sentence:
    """``says`` are parts of the sentence: what it is and what cures it.

    ``option``, ``ops``, ``taking_pins``, ``touch``, ``during`` put the board there (``during``: while the load runs).
    ``cure``: reset and load again, connect under reset, switch on, or "" where nothing that a test may do helps.
    """

    name: str
    row: int
    how: str
    says: tuple[str, ...]
    option: Callable[[Facts], str] = lambda _facts: ""
    ops: Ops = ()
    life: Callable[[Firmware, Facts], None] = living.serving_nobody
    taking_pins: bool = False
    touch: Making | None = None
    during: Callable[[Board], None] | None = None
    connecting: bool = False
    chips: tuple[str, ...] = ()
    cure: str = ""


async def _wrong_key(bench: Bench, facts: Facts) -> None:
    try:
        await bench.poke((facts.key, 0x1234_5678))
    except HaltpointError:
        assert facts.wrong_key_faults


async def _dead_oscillator(bench: Bench, _facts: Facts) -> None:
    """HSION has no effect any more; the core runs from the crystal."""
    rcc: Any = bench.board.soc.rcc
    write = rcc.write
    rcc.write = lambda offset, value, width: write(offset, value & ~1 if offset == 0 else value, width)


SENTENCES: tuple[Sentence, ...] = (
    Sentence(
        "locked until reset",
        12,
        "a wrong key",
        ("locked it until the next reset", "monitor reset halt"),
        touch=_wrong_key,
        cure="reset",
    ),
    Sentence(
        "half-written unit",
        13,
        "the first word of a unit of programming stored",
        ("stays busy", "monitor reset halt"),
        touch=debugger.half_a_unit,
        chips=("stm32g071rb", "stm32u575zi"),
        cure="reset",
    ),
    Sentence(
        "dead oscillator",
        14,
        "the internal oscillator never gets ready, the core runs from the crystal",
        ("0x40021000", "clocked"),
        ops=(
            (0x4002_1000, 1 << 16 | 1),
            (0x4002_1000, 1 << 17, 1 << 17),
            (0x4002_1004, 1),
            (0x4002_1004, 0xC, 4),
            (0x4002_1000, 1 << 16),
        ),
        touch=_dead_oscillator,
        chips=("stm32f103c8", "stm32f091rc"),
    ),
    Sentence(
        "Stop mode",
        16,
        "SLEEPDEEP and WFI, the debug bits of DBGMCU clear: the bus has no clock",
        ("asleep", "connecting under reset"),
        life=living.deep_asleep,
        connecting=True,
        cure="under reset",
    ),
    Sentence(
        "debug pins taken",
        21,
        "firmware makes inputs of SWDIO and SWCLK",
        ("connect under reset",),
        taking_pins=True,
        connecting=True,
        cure="under reset",
    ),
    Sentence(
        "debug pins taken, no reset line",
        21,
        "the same, NRST not connected",
        ("BOOT0",),
        option=lambda _facts: "nrst=none",
        taking_pins=True,
        connecting=True,
    ),
    Sentence(
        "no supply",
        21,
        "the board is not powered",
        ("0.00 V", "Switch the target on"),
        option=lambda _facts: "power=off",
        connecting=True,
        cure="power",
    ),
    Sentence(
        "readout protection",
        22,
        "level 1",
        ("readout protection is on", "erases the whole flash"),
        option=lambda _facts: "rdp=1",
    ),
    Sentence(
        "TrustZone",
        22,
        "TZEN set: flash, RAM and the flash controller have a secure side",
        ("TrustZone is in use", "TZEN", "nothing has been touched"),
        option=lambda _facts: "tzen=1",
        chips=("stm32u575zi",),
    ),
    Sentence(
        "write protection",
        22,
        "the option bytes protect the first sectors",
        ("write-protected", "Nothing has been erased"),
        option=lambda facts: f"wrp={facts.protected}",
    ),
    Sentence(
        "reset during the load",
        28,
        "a system reset while the loader runs",
        ("the target was reset while its flash was being programmed", "Load again"),
        during=lambda board: board.machine.system_reset(),
        cure="again",
    ),
    Sentence(
        "power lost during the load",
        28,
        "the supply gone while the loader runs",
        ("0.00 V", "Switch the target on"),
        during=lambda board: board.power(on=False),
        cure="power",
    ),
)


def connect_mode(sentence: Sentence) -> ConnectMode:
    """How the cure connects."""
    return ConnectMode.UNDER_RESET if sentence.cure == "under reset" else ConnectMode.HALT
