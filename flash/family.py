"""What a flash controller's description consists of. One module of ``families/`` fills it in per family.

Nothing here runs on the target or talks to it; the engine and the sanitiser read these tables.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .steps import Step

__all__ = ["Controller", "Family", "Flag", "LoaderCode", "Protection", "Timing"]


@dataclass(frozen=True, slots=True)
class LoaderCode:
    """An assembled RAM loader; the other fields are offsets of its labels in ``code`` (see loaders/frame.inc)."""

    code: bytes
    entry: int
    done: int
    trap: int
    mailbox: int


@dataclass(frozen=True, slots=True)
class Flag:
    """Bits of a status register and what a user is told when one of them is set."""

    name: str
    mask: int
    meaning: str


@dataclass(frozen=True, slots=True)
class Controller:
    """The registers that serve the flash from ``start`` on; ``offset`` is what the loader adds to the family's base."""

    name: str
    start: int
    offset: int
    key: int
    status: int
    control: int


@dataclass(frozen=True, slots=True)
class Timing:
    """How long one operation takes, in seconds: typical for estimates, maximum for timeouts."""

    typical: float
    maximum: float


@dataclass(frozen=True, slots=True)
class Protection:
    """Where protection is read.

    ``write_bit`` gives the bit of the write protection register that guards an address; a bit that is 0 protects.
    """

    readout: int
    readout_mask: int
    write: int
    write_bit: Callable[[int], int]
    readout_cure: str
    write_cure: str


@dataclass(frozen=True, slots=True)
class Family:
    """A flash controller, filled in.

    ``program_unit`` bytes are programmed at once and must be erased before, to ``erased`` bytes. ``errors`` are
    flags of the status registers; ``clear_status`` is what is written there to clear them. ``lock`` and
    ``start`` are masks of the control registers, ``busy`` is one of the status registers. ``watchdog_key`` is
    where the loader keeps the independent watchdog quiet. ``verify_per_byte`` is the loader's CRC at the clock
    that ``preparations`` set, in seconds.
    """

    name: str
    manual: str
    base: int
    controllers: tuple[Controller, ...]
    keys: tuple[int, int]
    lock: int
    start: int
    busy: int
    errors: tuple[Flag, ...]
    clear_status: int
    program_unit: int
    erased: int
    erase: Timing
    program: Timing
    verify_per_byte: float
    protection: Protection
    preparations: tuple[Step, ...]
    debug_setup: tuple[Step, ...]
    watchdog_key: int
    loader: LoaderCode

    def controller(self, address: int) -> Controller:
        """The controller that serves ``address``."""
        return max((c for c in self.controllers if c.start <= address), key=lambda c: c.start)
