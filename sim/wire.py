"""The cable between probe and target: what the debug port answers, NRST, supply, and the stalls of a busy flash."""

from __future__ import annotations

import logging
from collections.abc import Callable
from enum import Enum
from typing import TypeVar

from .bus import BusFault, Unmodelled
from .chip import ChipModel
from .flash_unit import FlashUnit
from .machine import Machine

__all__ = ["TargetWire", "WireError", "WireProblem"]

log = logging.getLogger(__name__)

T = TypeVar("T")

MS = 1_000_000_000
US = 1_000_000

CDBGPWRUPREQ, CSYSPWRUPREQ = 1 << 28, 1 << 30
CTRL_STAT_WRITABLE = 0x54FF_FF0D  # CDBGRSTREQ, TRNCNT, MASKLANE, TRNMODE, ORUNDETECT and the two requests


class WireProblem(Enum):
    """Why an access over the wire failed."""

    NO_ACK = "no acknowledge"
    NO_POWER_UP = "the debug domain is not powered up"
    WAIT = "the port kept answering WAIT"
    FAULT = "the access port answered FAULT"


class WireError(Exception):
    """An access that did not succeed; ``address`` is where."""

    def __init__(self, problem: WireProblem, address: int) -> None:
        super().__init__(f"{problem.value} at 0x{address:08X}")
        self.problem = problem
        self.address = address


class TargetWire:
    """SWDIO, SWCLK, NRST and VTREF of one target.

    ``patience`` is how long a probe lets a stalled access wait before it reports WAIT (guess: firmware retries for a
    few milliseconds).
    """

    def __init__(self, machine: Machine, chip: ChipModel, flash: FlashUnit) -> None:
        self.machine = machine
        self.chip = chip
        self.flash = flash
        self.present = True
        self.volts = 3.25
        self.nrst_wired = True
        self.connected = False
        self.ctrl_stat = 0
        self.patience = 5 * MS
        self.raise_unmodelled = False
        self.unmodelled: list[str] = []
        self.nrst_low = False
        self.pins_taken: Callable[[], bool] = lambda: False  # firmware uses the debug pins for something else
        self.on_nrst: Callable[[], None] = lambda: None  # before NRST moves: the next reset comes from the pin

    @property
    def voltage(self) -> float:
        """Volts at VTREF."""
        return self.volts if self.present and self.machine.powered else 0.0

    @property
    def answers(self) -> bool:
        """Report whether anything acknowledges on the wire."""
        return self._alive and not self.pins_taken()

    @property
    def _alive(self) -> bool:
        return self.present and self.machine.powered and not self.flash.debug_disabled

    def connect(self) -> bool:
        """Reset the line, read the identity, power up the debug domain; False when nothing answers."""
        self.connected = self.answers
        self.ctrl_stat = CDBGPWRUPREQ | CSYSPWRUPREQ if self.connected else 0
        return self.connected

    def disconnect(self) -> None:
        """Leave the wire alone; the core goes on as it is."""
        self.connected = False

    def lose_power(self) -> None:
        """Forget the power-up request with the debug domain that held it."""
        self.connected = False
        self.ctrl_stat = 0

    @property
    def powered_up(self) -> bool:
        """Report whether the debug port has power-up of the debug domain requested and acknowledged."""
        return self.connected and bool(self.ctrl_stat & CDBGPWRUPREQ)

    def read_ctrl_stat(self) -> int:
        """Return DP CTRL/STAT without its sticky flags; requests are acknowledged at once (ADIv5.2 B2.2.2)."""
        requests = self.ctrl_stat & (CDBGPWRUPREQ | CSYSPWRUPREQ)
        return self.ctrl_stat | requests << 1

    def write_ctrl_stat(self, value: int) -> None:
        """Write DP CTRL/STAT: requests and settings."""
        self.ctrl_stat = value & CTRL_STAT_WRITABLE

    def drive_nrst(self, low: bool) -> None:
        """Pull NRST low or let it go; nothing where it is not wired."""
        if self.nrst_wired and self._alive and low != self.nrst_low:
            self.nrst_low = low
            self.on_nrst()
            self.machine.hold_reset(low)

    # --- accesses of the AHB-AP

    def read(self, address: int, width: int) -> int:
        """Read ``width`` bytes (1, 2, 4). Raises WireError."""
        return self._access(address, width, lambda: self.machine.ap_read(address, width), reading=True)

    def write(self, address: int, value: int, width: int) -> None:
        """Write ``width`` bytes (1, 2, 4). Raises WireError."""
        self._access(address, width, lambda: self.machine.ap_write(address, value, width))

    def read_words(self, address: int, count: int) -> bytes:
        """Read aligned words. Raises WireError with the first address that fails."""
        return self._access(address, 4 * count, lambda: self.machine.ap_read_words(address, count), reading=True)

    def write_words(self, address: int, data: bytes) -> None:
        """Write aligned words. Raises WireError with the first address that fails."""
        self._access(address, len(data), lambda: self.machine.ap_write_words(address, data))

    def _access(self, address: int, length: int, call: Callable[[], T], *, reading: bool = False) -> T:
        if not self.answers:
            raise WireError(WireProblem.NO_ACK, address)
        if not self.powered_up:
            raise WireError(WireProblem.NO_POWER_UP, address)
        self.machine.run_until_now()  # what the program meets on the way is not this access's fault
        self._wait_for_clock(address)
        if reading and self.flash.hides_flash and self.chip.in_flash(address, length):
            raise WireError(WireProblem.FAULT, address)
        self._wait_for_flash(address, self.flash.ready_at(address, length, writing=not reading))
        try:
            return call()
        except BusFault as fault:
            if not self.answers:  # the supply went in the middle of it
                raise WireError(WireProblem.NO_ACK, fault.address) from fault
            raise WireError(WireProblem.FAULT, fault.address) from fault
        except Unmodelled as gap:
            if self.raise_unmodelled:
                raise
            self.unmodelled.append(f"0x{address:08X}: {gap}")
            log.warning("debugger access to something that is not modelled, answered FAULT: %s", gap)
            raise WireError(WireProblem.FAULT, address) from gap

    def stalled_until(self, address: int, length: int, *, writing: bool) -> int:
        """Picosecond from which the bus takes an access; 0: now. For ports that answer WAIT themselves."""
        self.machine.run_until_now()
        if self.answers and self.machine.core.clock_stopped:
            return self.machine.clock.now + MS  # look again then
        ready = self.flash.ready_at(address, length, writing=writing) if self.answers else 0
        return ready if ready > self.machine.clock.now else 0

    def _wait_for_clock(self, address: int) -> None:
        """A chip in Stop mode has no clock for its bus: an access does not end before something wakes it."""
        machine = self.machine
        if machine.core.clock_stopped:
            machine.clock.advance(self.patience)
            machine.run_until_now()
            if machine.core.clock_stopped:
                raise WireError(WireProblem.WAIT, address)

    def _wait_for_flash(self, address: int, ready: int) -> None:
        """Let the bus stall of a flash operation pass, or give up with WAIT."""
        clock = self.machine.clock
        busy = ready - clock.now
        if busy > self.patience:
            clock.advance(self.patience)
            raise WireError(WireProblem.WAIT, address)
        if busy > 0:
            clock.advance(busy)
            self.machine.run_until_now()
