"""What can be wrong with a request to the simulator, in sentences."""

from __future__ import annotations

__all__ = ["FirmwareError", "SelectorError", "ServeError", "SimulationError"]


class SelectorError(ValueError):
    """A board selector names something that does not exist; the text offers the nearest names."""


class FirmwareError(ValueError):
    """The file that was to be preloaded into the flash cannot be."""


class ServeError(ValueError):
    """Boards cannot be served to other programs as asked, for example because the port is taken."""


class SimulationError(RuntimeError):
    """The program under test asked for something that would never end or has no meaning on a simulated board."""
