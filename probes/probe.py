"""What a probe driver promises to the floors above.

A driver is plain synchronous code. It never asks the wall for the time: waiting goes through the
``sleep`` it was given, so that a simulated board's clock moves instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from .access import Access, Result

__all__ = ["Probe", "ProbeInfo"]


@dataclass(frozen=True, slots=True)
class ProbeInfo:
    """What the user is told about a probe.

    ``kind`` is the product ("ST-Link/V2-1"), ``firmware`` its version as its maker writes it
    ("V2J37M26"), ``selector`` what selects this very probe on the command line ("stlink:066D...").
    """

    kind: str
    serial: str
    firmware: str
    selector: str
    gathers_words: bool = True
    """Single words in a row cost little more than one of them."""


class Probe(Protocol):
    """An opened probe. All methods raise ProbeError or LinkError; ``run`` also TargetError."""

    @property
    def info(self) -> ProbeInfo:
        """Who this probe is."""
        ...

    def voltage(self) -> float | None:
        """Target supply in volts, None where the probe cannot measure it."""
        ...

    def set_speed(self, khz: int) -> int:
        """Choose the fastest wire clock not above ``khz`` (else the slowest there is); the one chosen, in kHz."""
        ...

    def connect(self) -> None:
        """Enter the debug mode and power up the debug port. NRST is left as it is.

        Called again, it recovers a target that lost power or a wire. Raises NoTargetError,
        TargetPowerError (with the voltage measured), LinkError, ProbeError.
        """
        ...

    def set_reset(self, asserted: bool) -> None:
        """Drive NRST low (True) or release it (False). May be called before ``connect``."""
        ...

    def run(self, accesses: Sequence[Access]) -> list[Result]:
        """Carry out a batch in order; see ``access`` for the contract.

        Raises AccessFaultError (flags cleared, address known), WaitError, PollTimeoutError, ProbeError.
        """
        ...

    def close(self) -> None:
        """Leave debug mode, release NRST and the USB interface. Never raises for a probe that is gone."""
        ...
