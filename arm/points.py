"""Breakpoints and watchpoints of one core together: what is written at once when it is about to run."""

from __future__ import annotations

from dataclasses import dataclass

from ..probes.access import Batch
from .breakpoints import Breakpoints
from .identify import CoreInfo
from .watchpoints import Placed, Watchpoints

__all__ = ["PointUnits", "Written"]


@dataclass(frozen=True)
class Written:
    """What a batch will have written, for ``PointUnits.written``."""

    breakpoints: list[int | None]
    watchpoints: Placed


class PointUnits:
    """The two tables and the units behind them."""

    def __init__(self) -> None:
        self.breakpoints = Breakpoints()
        self.watchpoints = Watchpoints()

    def use(self, info: CoreInfo) -> None:
        """Take the units as the core describes them; their contents count as unknown."""
        self.breakpoints.use(info.fp_ctrl)
        self.watchpoints.use(info.watchpoints, info.dwt_version)

    def forget_written(self) -> None:
        """Something else may have changed the units: write all of them next time."""
        self.breakpoints.forget_written()
        self.watchpoints.forget_written()

    def clear(self) -> None:
        """Empty both tables."""
        self.breakpoints.clear()
        self.watchpoints.clear()

    def write_hardware(self, batch: Batch, without: int | None = None) -> Written:
        """Add what is missing in the units to ``batch``; see ``Breakpoints.write_hardware``."""
        breakpoints = self.breakpoints.write_hardware(batch, without)
        return Written(breakpoints, self.watchpoints.write_hardware(batch))

    def written(self, contents: Written) -> None:
        """The batch ``write_hardware`` added to has run."""
        self.breakpoints.written(contents.breakpoints)
        self.watchpoints.written(contents.watchpoints)

    def write_all_off(self, batch: Batch) -> None:
        """Leave both units without effect."""
        self.breakpoints.write_all_off(batch)
        self.watchpoints.write_all_off(batch)
