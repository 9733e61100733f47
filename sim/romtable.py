"""CoreSight components of the processors and their identities (DDI0403E C1.2.6, appendix D4; values from silicon)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from .bus import BusFault, Peripheral

__all__ = ["Component", "CoreIds", "core_ids", "cti", "etm", "identification", "rom_tables"]

_MEMORY = 0xB105_100D
_GENERIC = 0xB105_E00D
_DEBUG = 0xB105_900D


def identification(part: int, component: int) -> dict[int, int]:
    """Return the registers 0xFD0 to 0xFFC for a 40-bit peripheral id and a component id."""
    words = {0xFD0: part >> 32 & 0xFF}
    words |= {0xFE0 + 4 * n: part >> 8 * n & 0xFF for n in range(4)}
    return words | {0xFF0 + 4 * n: component >> 8 * n & 0xFF for n in range(4)}


@dataclass(frozen=True)
class CoreIds:
    """Identification registers of one processor's debug components; empty where it has none."""

    scs: dict[int, int]
    dwt: dict[int, int]
    fpb: dict[int, int]
    itm: dict[int, int]
    tpiu: dict[int, int]
    etm: dict[int, int]
    cti: dict[int, int] = field(default_factory=dict)


_TPIU_TYPE = 0x11
_ETM_TYPE = 0x13
_CTI_TYPE = 0x14


def _typed(part: int, device: int, kind: int) -> dict[int, int]:
    return identification(part, _DEBUG) | {0xFC8: device, 0xFCC: kind}


_CORES = {
    "cortex-m3": CoreIds(
        scs=identification(0x04_001B_B000, _GENERIC),
        dwt=identification(0x04_001B_B002, _GENERIC),
        fpb=identification(0x04_000B_B003, _GENERIC),
        itm=identification(0x04_001B_B001, _GENERIC),
        tpiu=_typed(0x04_001B_B923, 0xCA0, _TPIU_TYPE),
        etm={},
    ),
    "cortex-m4": CoreIds(
        scs=identification(0x04_000B_B00C, _GENERIC),
        dwt=identification(0x04_003B_B002, _GENERIC),
        fpb=identification(0x04_002B_B003, _GENERIC),
        itm=identification(0x04_003B_B001, _GENERIC),
        tpiu=_typed(0x04_000B_B9A1, 0xCA1, _TPIU_TYPE),
        etm=_typed(0x04_000B_B925, 0, _ETM_TYPE),
    ),
    "cortex-m0": CoreIds(
        scs=identification(0x04_000B_B008, _GENERIC),
        dwt=identification(0x04_000B_B00A, _GENERIC),
        fpb=identification(0x04_000B_B00B, _GENERIC),
        itm={},
        tpiu={},
        etm={},
    ),
}
_CORES["cortex-m7"] = replace(
    _CORES["cortex-m4"],
    scs=identification(0x04_000B_B00C, _GENERIC),
    fpb=identification(0x04_000B_B00E, _GENERIC),
    tpiu=_typed(0x04_000B_B9A9, 0xCA1, _TPIU_TYPE),
    etm=_typed(0x04_001B_B975, 0, _ETM_TYPE),
)


def _architected(architecture: int, kind: int = 0, device: int = 0) -> dict[int, int]:
    """A component of the Cortex-M33: all have one part number, DEVARCH tells them apart."""
    return _typed(0x04_000B_BD21, device, kind) | ({0xFBC: 0x4770_0000 | architecture} if architecture else {})


_NO_SECURITY = {0xFB8: 0xF}  # DAUTHSTATUS: non-secure debug allowed, no secure state
_CORES["cortex-m33"] = CoreIds(
    scs=_architected(0x2A04) | _NO_SECURITY | {0xF48: 0x40},
    dwt=_architected(0x1A02),
    fpb=_architected(0x1A03),
    itm=_architected(0x1A01, 0x43),
    tpiu=_architected(0, _TPIU_TYPE, 0xCA1),
    etm=_architected(0x2_4A13, _ETM_TYPE),
    cti=_architected(0x1A14, _CTI_TYPE, 0x40800),
)
_CORES["cortex-m0+"] = replace(_CORES["cortex-m0"])
"""As read from silicon of the families that use them."""


def core_ids(model: str) -> CoreIds:
    """Return the identities of a processor's debug components."""
    return _CORES[model]


class Component(Peripheral):
    """A block of word registers: constants, words that keep what was written, and 0 for all the rest."""

    size = 0x1000

    def __init__(
        self,
        name: str,
        base: int,
        constants: dict[int, int],
        stored: Sequence[int] = (),
        alive: Callable[[], bool] = lambda: True,
    ) -> None:
        self.name = name
        self.base = base
        self._constants = constants
        self._stored = dict.fromkeys(stored, 0)
        self._alive = alive

    def power_on(self) -> None:
        """Power-on reset."""
        self._stored = dict.fromkeys(self._stored, 0)

    def reset(self) -> None:
        """System reset: debug components keep their state."""

    def read(self, offset: int, width: int) -> int:
        """Return a word; 0 from a component without its clock (DEMCR.TRCENA)."""
        if width != 4 or offset & 3:
            raise BusFault(self.base + offset, f"{self.name} takes word accesses only")
        if not self._alive():
            return 0
        return self._constants.get(offset, self._stored.get(offset, 0))

    def word(self, offset: int) -> int:
        """Return what a register keeps."""
        return self._stored[offset]

    def write(self, offset: int, value: int, width: int) -> None:
        """Keep the words that can be written."""
        del width
        if offset in self._stored and self._alive():
            self._stored[offset] = value


def rom_tables(model: str, part: int) -> list[Component]:
    """ROM tables from the one the access port points to: the chip's ``part`` in the first, Arm's in those behind it.

    The last, at 0xE00FF000, lists SCS, DWT, FPB, ITM, TPIU, ETM; what the processor has not is marked absent.
    """
    ids = core_ids(model)
    chip = 0x00_000A_0000 | part
    places = [(0xFFF0_F000, ids.scs), (0xFFF0_2000, ids.dwt), (0xFFF0_3000, ids.fpb), (0xFFF0_1000, ids.itm)]
    trace = [(0xFFF4_1000, ids.tpiu), (0xFFF4_2000, ids.etm)]
    if model == "cortex-m0+":
        return [
            _table(0xF000_0000, chip, [0xF00F_F003, 0x0020_0002]),
            _table(0xE00F_F000, 0x04_000B_B4C0, _entries(places[:3])),
        ]
    if model == "cortex-m7":
        return [
            _table(0xE00F_D000, chip, [0x0000_1003, 0xFFF4_3003]),
            _table(0xE00F_E000, 0x04_000B_B4C8, [0x0000_1003, 0xFFF4_3003]),
            _table(0xE00F_F000, 0x04_000B_B4C7, _entries(places)),
        ]
    if model == "cortex-m33":
        own = [*places, (0xFFF4_1000, {}), (0xFFF4_2000, ids.etm), (0xFFF4_3000, ids.cti), (0xFFF4_4000, {})]
        return [
            _table(0xE00F_E000, chip, [0x0000_1003, 0xFFF4_2003]),
            _table(0xE00F_F000, 0x04_000B_B4C9, _entries(own)),
        ]
    return [_table(0xE00F_F000, chip, _entries(places + trace))]


def _entries(places: list[tuple[int, dict[int, int]]]) -> list[int]:
    return [offset | (3 if there else 2) for offset, there in places]


def _table(base: int, part: int, entries: list[int]) -> Component:
    constants = {4 * n: entry for n, entry in enumerate(entries)}
    return Component("ROM table", base, constants | {0xFCC: 1} | identification(part, _MEMORY))


def cti(ids: dict[int, int]) -> Component:
    """Cross Trigger Interface of the Cortex-M33: control is kept, nothing is connected."""
    return Component("CTI", 0xE004_2000, ids, (0x000,))


def etm(ids: dict[int, int]) -> Component:
    """Embedded Trace Macrocell, powered down: control and lock are kept, nothing is traced."""
    return Component("ETM", 0xE004_1000, ids, (0x000, 0xFB0))
