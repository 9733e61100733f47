"""What a flash controller's description consists of. One module of ``families/`` fills it in per family.

Nothing here runs on the target or talks to it; the engine and the sanitiser read these tables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .memory_map import Sector
from .steps import Step

__all__ = ["Controller", "EmptyFlag", "Family", "Flag", "LoaderCode", "Protection", "Timing", "no_word"]


@dataclass(frozen=True, slots=True)
class LoaderCode:
    """An assembled RAM loader; the other fields are offsets of its labels in ``code`` (see loaders/frame.inc)."""

    code: bytes
    entry: int
    done: int
    trap: int
    mailbox: int
    nmi: int = 0


@dataclass(frozen=True, slots=True)
class Flag:
    """Bits of a status register and what a user is told when one of them is set."""

    name: str
    mask: int
    meaning: str


@dataclass(frozen=True, slots=True)
class Controller:
    """The registers that serve one bank; ``offset`` is what the loader adds to the family's base.

    Errors are cleared by writing to ``status``, or to ``clear`` where that is another register. ``further`` locks
    behind the first: bit of the control register, key register, keys.
    """

    name: str
    offset: int
    key: int
    status: int
    control: int
    clear: int = 0
    further: tuple[tuple[int, int, tuple[int, int]], ...] = ()


@dataclass(frozen=True, slots=True)
class EmptyFlag:
    """Where the chip notes at power-on that its flash is blank; as long as it says so, resets lead to the boot ROM.

    ``toggles``: writing 1 changes the bit, else it is written like any other.
    """

    address: int
    mask: int
    toggles: bool


@dataclass(frozen=True, slots=True)
class Timing:
    """How long one operation takes, in seconds: typical for estimates, maximum for timeouts."""

    typical: float
    maximum: float


@dataclass(frozen=True, slots=True)
class Protection:
    """Where protection is read: ``registers`` by name; the functions get their words by the same names.

    ``level`` tells the readout protection, 0 (none) to 2; ``guarded`` whether a sector is write-protected;
    ``secure`` whether TrustZone is in use, which the descriptions here know nothing of; ``reserved`` whether a
    guarded sector belongs to another core, so that no option byte frees it.
    """

    registers: Mapping[str, int]
    level: Callable[[Mapping[str, int]], int]
    guarded: Callable[[Mapping[str, int], Sector], bool]
    readout_cure: str
    write_cure: str
    secure: Callable[[Mapping[str, int]], bool] = lambda _words: False
    reserved: Callable[[Mapping[str, int], Sector], bool] = lambda _words, _sector: False


def no_word(_sector: Sector) -> int:
    """For loaders that know by the address alone what to erase."""
    return 0


@dataclass(frozen=True, slots=True)
class Family:
    """A flash controller, filled in.

    ``program_unit`` bytes are programmed at once and must be erased before, to ``erased`` bytes. ``errors`` are
    flags of the status registers; ``clear_status`` is what is written to clear them. ``lock`` and ``start`` are
    masks of the control registers, ``busy`` is one of the status registers; no operation, not even a mass
    erase that firmware has started, keeps the flash busy longer than ``patience`` seconds. ``unfinished`` are those of
    the busy bits that say that part of a unit waits for the rest: they end when the control register becomes 0.

    ``erase`` gives the time for a sector of that many bytes, ``erase_word`` what the control register holds
    while a sector is erased (without the start bit), ``program_word`` what it holds during programming.
    ``verify_per_byte`` is the loader's CRC at the clock that ``preparations`` set, in seconds.

    ``watchdog_key`` is where the loader keeps the independent watchdog quiet, ``window_watchdog`` the same for
    the window watchdog's control register where its clock cannot be switched off (0: it can). ``ecc`` are the
    registers, two at most, whose upper bits (ECCD, ECCD2) say that an NMI is about a damaged word, and are cleared by
    writing 1.

    Where programming depends on the supply, the family is described for ``volts`` and more, and
    ``below`` is the same flash with less.
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
    erase: Callable[[int], Timing]
    program: Timing
    verify_per_byte: float
    protection: Protection
    preparations: tuple[Step, ...]
    debug_setup: tuple[Step, ...]
    watchdog_key: int
    loader: LoaderCode
    erase_word: Callable[[Sector], int] = no_word
    program_word: int = 0
    window_watchdog: int = 0
    ecc: tuple[int, ...] = ()
    patience: float = 0.2
    unfinished: int = 0
    empty: EmptyFlag | None = None
    volts: float = 0.0
    below: Family | None = None

    def controller(self, bank: int) -> Controller:
        """The controller that serves ``bank``, which counts from 1; one may serve all."""
        return self.controllers[min(bank, len(self.controllers)) - 1]

    @property
    def error_mask(self) -> int:
        """All error flags."""
        mask = 0
        for flag in self.errors:
            mask |= flag.mask
        return mask

    def at(self, volts: float) -> Family:
        """The description that holds at this supply."""
        return self if volts >= self.volts or self.below is None else self.below.at(volts)
