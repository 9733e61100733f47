"""What a flash session did, for the user."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FlashReport"]

KIB = 1024


@dataclass(frozen=True, slots=True)
class FlashReport:
    """``changed`` of ``sectors`` that the edits touch had to be changed; ``seconds`` are all that ``finish`` took.

    ``bytes_programmed`` are the bytes of those sectors that are not blank now, in whole units of programming.
    """

    changed: int
    sectors: int
    bytes_programmed: int
    seconds: float

    def __str__(self) -> str:
        sectors = f"{self.sectors} sector{'' if self.sectors == 1 else 's'}"
        if not self.changed:
            return f"Flash: nothing changed, {sectors} compared in {self.seconds:.2f} s"
        if not self.bytes_programmed:
            return f"Flash: {self.changed} of {sectors} erased in {self.seconds:.2f} s"
        amount = f"{self.bytes_programmed} bytes"
        if self.bytes_programmed >= KIB:
            amount = f"{self.bytes_programmed / KIB:.1f}".removesuffix(".0") + " KiB"
        return f"Flash: {self.changed} of {sectors} changed, {amount} in {self.seconds:.2f} s"
