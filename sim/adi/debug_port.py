"""The debug port behind JTAG-DP and SW-DP: CTRL/STAT, SELECT, sticky flags, and AP accesses on their way (IHI0031C B2).

An AP access takes clocks of the wire, not time: its handshakes with the core's clock domain stand still while the
wire does. Seen on an STM32F429: after an acknowledged AP write with no idle clocks an AP read or a write of SELECT is
always answered WAIT, even milliseconds later; CTRL/STAT reads and one more AP write are not, and the retry after the
13 clocks of the refused packet succeeds. A MINDP (nRF51) has no such stall.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from ..bus import Unmodelled
from ..clock import Event
from ..knobs import FaultKnobs
from ..wire import TargetWire
from .mem_ap import IDR, ApFault, ApStall, MemAp
from .wire_clock import WireClock

__all__ = ["ABORT", "CTRL_STAT", "RDBUFF", "SELECT", "CtrlStat", "DebugPort", "DpIds"]

ABORT, CTRL_STAT, SELECT, RDBUFF = 0x0, 0x4, 0x8, 0xC  # DPIDR reads at ABORT's address
POWER_LAG = 6
"""Clocks from a power-up request to its acknowledge: a JTAG scan 4 clocks later did not see it yet, the next did."""
JTAG_CLOCKS = 4
"""Clocks from Update-DR that a bus access over JTAG takes besides the bus itself: one idle clock (4 edges to the next
Capture-DR) is too few, as the report of the repeated word shows, 8 are enough at moderate clocks (OpenOCD's number)."""
JTAG_REGISTER_CLOCKS = 3
"""The same for CSW, TAR and the identification registers: with one idle clock they never waited (F103)."""
SW_CLOCKS = 10
"""Clocks from the end of an AP write that a full SW-DP needs: more than the 9 to the next acknowledge, at most the 22
that a refused packet makes of them (F429); 8 idle clocks before the request are enough (OpenOCD relies on it)."""


class CtrlStat:
    """Bits of CTRL/STAT (IHI0031C B2.2.2), as plain numbers: they are touched at every access."""

    ORUNDETECT = 1 << 0
    STICKYORUN = 1 << 1
    STICKYCMP = 1 << 4
    STICKYERR = 1 << 5
    READOK = 1 << 6
    WDATAERR = 1 << 7
    CDBGRSTREQ = 1 << 26
    CDBGPWRUPREQ = 1 << 28
    CDBGPWRUPACK = 1 << 29
    CSYSPWRUPREQ = 1 << 30
    CSYSPWRUPACK = 1 << 31


STICKY = CtrlStat.STICKYORUN | CtrlStat.STICKYCMP | CtrlStat.STICKYERR | CtrlStat.WDATAERR
_REQUESTS = CtrlStat.CDBGPWRUPREQ | CtrlStat.CSYSPWRUPREQ
_WRITABLE = CtrlStat.ORUNDETECT | _REQUESTS
_PUSHED = 0x00FF_F00C  # TRNCNT and TRNMODE
_ABORT_CLEARS = (
    (1 << 1, CtrlStat.STICKYCMP),
    (1 << 2, CtrlStat.STICKYERR),
    (1 << 3, CtrlStat.WDATAERR),
    (1 << 4, CtrlStat.STICKYORUN),
)


@dataclass(frozen=True)
class DpIds:
    """Identity of a debug port. ``jtag_id`` 0: there is no JTAG side. JTAG-DPs of STM32F1 to L4 and G4 are DPv0."""

    dpidr: int
    jtag_id: int
    boundary_scan_id: int = 0
    jtag_version: int = 0
    targetid: int = 0
    instance: int = 0

    @property
    def version(self) -> int:
        """Architecture version of the SW-DP."""
        return self.dpidr >> 12 & 0xF

    @property
    def minimal(self) -> bool:
        """MINDP: no pushed operations, and no stall after writes."""
        return bool(self.dpidr >> 16 & 1)


@dataclass
class _Flight:
    """An AP access under way; ``ready`` is the clock from which the debug port sees it done."""

    register: int
    value: int | None
    ready: int = 0
    result: int | None = None
    error: bool = False
    retry: Event | None = None


class DebugPort:
    """One debug port with one MEM-AP at AP 0; other access ports read as zero and ignore writes (IHI0031C B2.2.11).

    ``extra_latency`` is called for each access that uses the bus; its clocks are added to the access.
    """

    def __init__(self, ids: DpIds, ap: MemAp, wire: WireClock, target: TargetWire, faults: FaultKnobs) -> None:
        self.ids = ids
        self.ap = ap
        self.wire = wire
        self.target = target
        self.faults = faults
        self.extra_latency: Callable[[], int] = lambda: 0
        self.waits = 0  # accesses answered WAIT so far
        self.jtag = True
        self._flight: _Flight | None = None
        self._buffered: deque[tuple[int, int]] = deque()
        self.power_on()

    def power_on(self) -> None:
        """Power-on reset; a system reset does not reach the debug port."""
        self.drop()
        self.flags = 0
        self._acknowledged = 0
        self._acknowledge_at = 0
        self.select = 0
        self.ap_result = 0
        self.target.connected = False
        self.ap.reset()

    # --- flags

    @property
    def sticky(self) -> bool:
        """True while any sticky flag is set: AP accesses are not carried out."""
        return bool(self.flags & STICKY)

    @property
    def detects_overruns(self) -> bool:
        """CTRL/STAT.ORUNDETECT."""
        return bool(self.flags & CtrlStat.ORUNDETECT)

    def overrun(self) -> None:
        """Note a response other than OK (IHI0031C B1.2.2, overrun detection)."""
        if self.detects_overruns:
            self.flags |= CtrlStat.STICKYORUN

    def _power(self) -> int:
        """Return the acknowledges, which follow the requests after a few clocks."""
        if self.wire.count >= self._acknowledge_at:
            self._acknowledged = (self.flags & _REQUESTS) << 1
            self.target.connected = bool(self._acknowledged & CtrlStat.CDBGPWRUPACK) and self.target.answers
            self.target.ctrl_stat = self.flags & _REQUESTS
        return self._acknowledged

    def read_ctrl_stat(self) -> int:
        """Return CTRL/STAT as it is now; READOK and WDATAERR belong to the SW-DP."""
        value = self.flags | self._power()
        if self.jtag:
            value &= ~(CtrlStat.READOK | CtrlStat.WDATAERR)
        return value

    def write_ctrl_stat(self, value: int) -> None:
        """Write CTRL/STAT. On JTAG the sticky flags clear where 1 is written; on SWD only ABORT clears them."""
        if value & _PUSHED:
            raise Unmodelled(f"DP CTRL/STAT: transaction counter and pushed transfers (0x{value:08X} was written)")
        self._power()
        if self.jtag:
            self.flags &= ~(value & STICKY)
        if (value ^ self.flags) & _REQUESTS:
            self._acknowledge_at = self.wire.count + POWER_LAG
        self.flags = self.flags & ~_WRITABLE | value & _WRITABLE

    def write_abort(self, value: int, *, clears: bool) -> None:
        """Write ABORT; ``clears`` is False on a JTAG-DP of version 0, which has DAPABORT alone (IHI0031C B2.2.1)."""
        self.poll()
        if value & 1:
            self.drop()
        if self.ids.minimal:
            self.ap_result = 0  # see read_buffer
        for bit, flag in _ABORT_CLEARS if clears else ():
            if value & bit:
                self.flags &= ~flag

    # --- AP accesses

    def read_buffer(self) -> int:
        """Return RDBUFF.

        What an AP read finds before its own result comes is UNKNOWN. A MINDP (nRF51) has 0 after RDBUFF was read or
        ABORT written and, after a write, the identification register (0xF0 to 0xFC) whose address ends like the
        written one's.
        """
        value = self.ap_result
        if self.ids.minimal:
            self.ap_result = 0
        return value

    def poll(self) -> bool:
        """Let accesses that are done leave; True while one is under way."""
        while self._flight is not None:
            flight = self._flight
            if flight.retry is not None:
                self.wire.settle()
                self.target.machine.run_until_now()  # fires the retry when its time has come
                if flight.retry is not None:
                    return True
            if self.wire.count < flight.ready:
                return True
            self._land(flight)
        return False

    @property
    def buffer_full(self) -> bool:
        """True while a further write waits behind the access under way."""
        return bool(self._buffered)

    def _land(self, flight: _Flight) -> None:
        self._flight = None
        if flight.error:
            self.flags |= CtrlStat.STICKYERR
        if flight.result is not None:
            self.ap_result = flight.result
        if self._buffered:
            register, value = self._buffered.popleft()
            if self.sticky:
                self.flags |= CtrlStat.WDATAERR  # accepted, and discarded without reaching the AP (B2.2.2)
            else:
                self._launch(register, value, flight.ready)

    def start(self, address: int, value: int | None, *, refuse: bool = False) -> None:
        """Begin an AP access; ``value`` None reads. ``refuse``: the bus is made to answer with an error."""
        register = self.select & 0xF0 | address
        if self.select >> 24 != self.ap.number:
            self._start_beside(self.select >> 24, register, reading=value is None)
            return
        if not self._power() & CtrlStat.CDBGPWRUPACK or refuse:
            self.flags |= CtrlStat.STICKYERR
            return
        if self.poll() and value is not None:
            self._buffered.append((register, value))
        else:
            self._launch(register, value, self.wire.count)

    def _start_beside(self, number: int, register: int, *, reading: bool) -> None:
        """Another access port: where there is none everything reads 0; what is there reaches nothing."""
        if number in self.ap.beside and self.ap.uses_bus(register):
            self.flags |= CtrlStat.STICKYERR
        elif reading:
            self.ap_result = self.ap.beside.get(number, 0) if register == IDR else 0

    def _launch(self, register: int, value: int | None, count: int) -> None:
        self.wire.settle()
        flight = _Flight(register, value)
        self._flight = flight
        flight.ready = count + self._clocks(register)
        self._attempt(flight)

    def _attempt(self, flight: _Flight) -> None:
        try:
            if flight.value is None:
                flight.result = self.ap.read(flight.register)
            else:
                self.ap.write(flight.register, flight.value)
                if self.ids.minimal:
                    flight.result = self.ap.read(0xF0 | flight.register & 0xC)
        except ApFault:
            flight.error = True
        except ApStall as stall:
            flight.retry = self.wire.clock.at(stall.until, lambda: self._again(flight))

    def _again(self, flight: _Flight) -> None:
        flight.retry = None
        self._attempt(flight)
        if flight.retry is None:
            flight.ready = self.wire.count + self._clocks(flight.register)

    def drop(self) -> None:
        """DAPABORT: forget what is under way."""
        if self._flight is not None and self._flight.retry is not None:
            self._flight.retry.cancel()
        self._flight = None
        self._buffered.clear()

    def _clocks(self, register: int) -> int:
        """Clocks of the wire that an access takes."""
        bus = self.ap.uses_bus(register)
        if not self.jtag:
            clocks = 0 if self.ids.minimal else SW_CLOCKS
        else:
            clocks = JTAG_CLOCKS if bus else JTAG_REGISTER_CLOCKS
        if bus:
            core = self.target.machine.core.clockwork.hz
            clocks += -int(-self.ap.kind.bus_cycles * self.wire.hz // core) + self.extra_latency()
        return clocks
