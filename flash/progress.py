"""How far a load is, for whoever watches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["Progress", "Watcher"]


@dataclass(frozen=True, slots=True)
class Progress:
    """Sectors and bytes that have been programmed, of those that must be; ``seconds`` gone and, estimated, to go."""

    sectors: int
    all_sectors: int
    bytes: int
    all_bytes: int
    seconds: float
    remaining: float

    @property
    def rate(self) -> float:
        """Bytes per second so far."""
        return self.bytes / self.seconds if self.seconds else 0.0


Watcher: TypeAlias = Callable[[Progress], None]
