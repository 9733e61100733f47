"""Units of a flash array that are not what their ECC says: a power loss or a reset tore the work on them.

Silicon reads back something else from them each time, now and then even without an error; here they read always the
same, always with an error that the ECC cannot correct.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Damage", "EccArray"]


class Damage:
    """The damaged units of one array; every ``unit`` bytes have an ECC.

    ``met`` is called with the address of a damaged unit that is read or fetched from; with ``refuses`` it raises
    BusFault. Addresses are those of the array itself, not of an alias.
    """

    def __init__(self, unit: int, met: Callable[[int], None], *, refuses: bool = False) -> None:
        self.unit, self.refuses = unit, refuses
        self._met = met
        self._units: set[int] = set()
        self.on_change: Callable[[], None] = _nothing

    def __bool__(self) -> bool:
        return bool(self._units)

    @property
    def bounds(self) -> tuple[int, int]:
        """Where the first damaged unit begins and the last one ends."""
        return min(self._units) * self.unit, (max(self._units) + 1) * self.unit

    def spoil(self, address: int, length: int) -> None:
        """Note that these bytes' units no longer fit their ECC."""
        self._units.update(self._range(address, length))
        self.on_change()

    def heal(self, address: int, length: int) -> None:
        """Note that these bytes' units were erased, or programmed as they should be."""
        if self._units:
            self._units.difference_update(self._range(address, length))
            self.on_change()

    def find(self, address: int, length: int) -> int | None:
        """Return the address of the first damaged unit that these bytes are in."""
        return next((unit * self.unit for unit in self._range(address, length) if unit in self._units), None)

    def read(self, address: int, length: int) -> None:
        """Let somebody read these bytes. Raises BusFault if the bus refuses damaged units."""
        place = self.find(address, length)
        if place is not None:
            self._met(place)

    def _range(self, address: int, length: int) -> range:
        return range(address // self.unit, -(-(address + length) // self.unit))


class EccArray:
    """A FlashController whose array has ECC."""

    damage: Damage

    def torn(self, address: int, before: bytes, now: bytes) -> None:
        """Work on these bytes was torn and left ``now``: the units that have begun to change are damaged.

        One that reads as erased is none: ECC detects no two errors in such a unit (RM0351 3.3.8).
        """
        unit = self.damage.unit
        for at in range(0, len(now), unit):
            if now[at : at + unit] != before[at : at + unit] and now[at : at + unit] != b"\xff" * unit:
                self.damage.spoil(address + at, unit)


def _nothing() -> None:
    """Nobody looks yet."""
