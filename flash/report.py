"""What a flash session did, for the user."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FlashReport"]

KIB = 1024


@dataclass(frozen=True, slots=True)
class FlashReport:
    """``bytes_written`` counts what was asked for, not padding; ``seconds`` all that ``finish`` took."""

    sectors_erased: int
    bytes_written: int
    seconds: float

    def __str__(self) -> str:
        sectors = f"{self.sectors_erased} sector{'' if self.sectors_erased == 1 else 's'} erased"
        if not self.bytes_written:
            return f"Flash: {sectors} in {self.seconds:.2f} s"
        rate = self.bytes_written / KIB / self.seconds if self.seconds else 0.0
        amount = f"{self.bytes_written / KIB:.1f} KiB" if self.bytes_written >= KIB else f"{self.bytes_written} bytes"
        return f"Flash: {sectors}, {amount} written and verified in {self.seconds:.2f} s ({rate:.1f} KiB/s)"
