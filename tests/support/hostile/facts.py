"""What there is to know of a chip of the matrix, and what several share. It shares nothing with flash/, sim/."""

from __future__ import annotations

from dataclasses import dataclass, field

from .firmware import Op

__all__ = [
    "F_CRYSTAL",
    "F_FLASH",
    "F_LEFTOVERS",
    "F_RCC",
    "PAGED_LEFTOVERS",
    "Facts",
    "Ops",
    "Stores",
    "dma",
    "iwdg",
    "keys",
    "ready",
]

Ops = tuple[Op, ...]
Stores = tuple[tuple[int, int], ...]
KEYS = (0x4567_0123, 0xCDEF_89AB)


@dataclass(frozen=True)
class Facts:
    """One chip. ``kept`` are registers that must read after a load what they read before.

    ``recipes`` are what firmware writes for the states that need the chip's own registers; a name that is missing is a
    state that this chip, or its simulated board, cannot show. ``leftovers`` are words of the flash's control register.
    """

    core: str
    unlock: Stores
    control: int
    leftovers: dict[str, int]
    kept: tuple[int, ...]
    recipes: dict[str, Ops]
    ram: int = 0x2000_0000
    ram_size: int = 20 * 1024
    base: int = 0x0800_0000
    status: int = 0
    errors: int = 0
    key: int = 0
    start_erase: Stores = ()
    half_open: Stores = ()
    """Keys that leave a store to flash forbidden, where not ``unlock``."""

    half_words: bool = False
    starts: int = 0
    """Bits of the control register that hardware clears."""

    free: int = 0x5000
    """From the flash's begin: what is written to, or erased, before the load."""

    taking_pins: Stores = ()
    """Makes inputs of the debug port's pins."""

    protected: str = "0-3"
    """Pages or sectors for the board's option ``wrp``."""

    gathers: bool = False
    """A unit of programming is more than one store, and what is half written is given up."""

    half_units_stick: bool = False
    """It is not given up: only a reset ends it."""

    wrong_key_faults: bool = True
    mainline: bool = True
    mpu: bool = True
    fpu: bool = False
    armv8: bool = False
    same_core: bool = False
    """Another chip of the matrix has this core."""

    vtor: bool = True
    options: dict[str, str] = field(default_factory=dict)
    """Of the board, by the name of the state."""


def keys(register: int) -> Stores:
    return tuple((register, key) for key in KEYS)


def iwdg(base: int, *, window: bool = False, counts: int = 1200) -> Ops:
    """LSI / 4, 1200 counts: 120 to 150 ms. A refresh above the window would reset at once."""
    ops: Ops = ((base, 0xCCCC), (base, 0x5555), (base + 4, 0), (base + 8, counts))
    ops = (*ops, (base + 0xC, 7, 0))
    return (*ops, (base + 0x10, 300)) if window else (*ops, (base, 0xAAAA))


def dma(base: int, channel_words: Ops = ()) -> Ops:
    """Channel 1: 2000 bytes, circular, from RAM to RAM's begin, where a loader lies."""
    return (
        *channel_words,
        (base + 0xC, 2000),
        (base + 0x10, 0x2000_0000),
        (base + 0x14, 0x2000_0000),
        (base + 8, 0xAA1),
    )


def ready(register: int, bit: int) -> Op:
    return (register, 1 << bit, 1 << bit)


F_FLASH, F_RCC = 0x4002_2000, 0x4002_1000
F_LEFTOVERS = {"programming": 0x1, "erase": 0x2, "mass erase": 0x4, "interrupts": 0x1400, "all": 0x1406}
F_CRYSTAL: Ops = (
    (F_RCC, 1 << 16 | 1),
    ready(F_RCC, 17),
    (F_RCC + 4, 1),
    (F_RCC + 4, 0xC, 4),
    (F_RCC, 1 << 16),
)

PAGED_LEFTOVERS = {"programming": 0x1, "erase": 0x1A, "mass erase": 0x4, "interrupts": 0x0300_0000, "all": 0x0304_001F}
"""PG; PER and page 3; MER1; EOPIE and ERRIE; all of them and FSTPG (RM0351 3.7.6)."""
