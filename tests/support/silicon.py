"""Plays the host's side of a wire capture into a simulated debug port, clock by clock, and keeps what differs."""

from __future__ import annotations

from dataclasses import dataclass, field

from haltpoint.sim.adi.jtag_dp import JtagDp
from haltpoint.sim.adi.swj import SwjDp
from haltpoint.sim.adi.tap import NEXT, State
from haltpoint.sim.adi.wire_clock import WireClock
from haltpoint.sim.clock import VirtualClock
from haltpoint.sim.machine import RESET_PULSE_PS

from .sigrok import Capture

__all__ = ["JtagPlayer", "PlayedClock", "Scan", "read_words"]


class PlayedClock(WireClock):
    """A wire whose clocks come when they came in the capture."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(clock)
        self.origin = clock.horizon

    def settle(self) -> None:
        """The player moves the board's clock."""

    def go_to(self, ps: int) -> None:
        """Move the board's clock to ``ps`` after the capture's beginning."""
        self.clock.advance(max(0, self.origin + ps - self.clock.horizon))


@dataclass
class Scan:
    """One register scan: what the host sent, what the chip answered in the capture and here."""

    ms: float
    ir: bool
    instruction: int
    length: int = 0
    tdi: int = 0
    real: int = 0
    simulated: int = 0

    def __str__(self) -> str:
        kind = "IR" if self.ir else f"DR {self.instruction:04b}"
        return (
            f"{self.ms:10.3f} ms {kind} {self.length} bits: TDI {self.tdi:x}, TDO real {self.real:x}, "
            f"simulated {self.simulated:x}"
        )


@dataclass
class JtagPlayer:
    """Plays TCK, TMS, TDI and TRST; compares TDO in the shift states, where it is driven."""

    swj: SwjDp
    wire: PlayedClock
    scans: list[Scan] = field(default_factory=list)
    reset_pulses: list[tuple[float, float]] = field(default_factory=list)

    def play(self, session: Capture, *, start: int = 0) -> list[Scan]:
        """Play a capture from the ``start``-th clock on; return its scans."""
        tms, tdi, tdo = (session.bit[name] for name in ("tms", "tdi", "tdo"))
        trst = session.bit.get("trst", 0)
        samples, chain = session.samples, self.swj.chain
        cpu = chain.taps[0]
        assert isinstance(cpu, JtagDp)
        scan: Scan | None = None
        self._watch_reset()
        for edge in session.rising("tck")[start:]:
            before = samples[edge - 1]
            self.wire.go_to(edge * session.ps)
            if trst and not before & trst:
                self.swj.reset_taps()
            state = chain.state
            got = self.swj.walk(1, int(bool(before & tms)), int(bool(before & tdi)))
            if state in {State.SHIFT_DR, State.SHIFT_IR}:
                if scan is None:
                    scan = Scan(edge * session.ps / 1e9, state is State.SHIFT_IR, cpu.instruction)
                scan.tdi |= int(bool(before & tdi)) << scan.length
                scan.real |= int(bool(before & tdo)) << scan.length
                scan.simulated |= got << scan.length
                scan.length += 1
            elif scan is not None and state in {State.UPDATE_DR, State.UPDATE_IR, State.RESET}:
                self.scans.append(scan)
                scan = None
        return self.scans

    def _watch_reset(self) -> None:
        """Note in milliseconds of the capture when the chip pulls NRST low and lets it go."""
        machine, clock = self.swj.port.target.machine, self.wire.clock

        def noted() -> None:
            began = (clock.now - self.wire.origin) / 1e9
            self.reset_pulses.append((began, began + RESET_PULSE_PS / 1e9))

        machine.on_reset(noted)

    def differences(self) -> list[Scan]:
        """Scans whose TDO differs."""
        return [scan for scan in self.scans if scan.real != scan.simulated]


def read_words(session: Capture) -> dict[int, int]:
    """Words that a host read from memory over JTAG in a capture, by address: what a program had there.

    Follows TAR and the scans of DRW; a word belongs to the first read of its address.
    """
    scans = _Follower()
    for scan in _real_scans(session):
        scans.take(scan)
    return scans.words


class _Follower:
    def __init__(self) -> None:
        self.words: dict[int, int] = {}
        self._written: set[int] = set()
        self._tar = 0
        self._select = 0
        self._pending: int | None = None

    def take(self, scan: Scan) -> None:
        read, address, data = scan.tdi & 1, scan.tdi << 1 & 0xC, scan.tdi >> 3 & 0xFFFF_FFFF
        if self._pending is not None and scan.real & 7 == 0b010:
            if self._pending not in self._written:
                self.words.setdefault(self._pending, scan.real >> 3 & 0xFFFF_FFFF)
            self._pending = None
        if scan.instruction == 0b1010:
            if address == 8 and not read:
                self._select = data
        elif self._select & 0xF0:
            pass  # banked registers: nothing but debug registers in these captures
        elif address == 4 and not read:
            self._tar = data
        elif address == 12:
            if read:
                self._pending = self._tar
            else:
                self._written.add(self._tar)
            self._tar += 4


def _real_scans(session: Capture) -> list[Scan]:
    """The DPACC and APACC scans of a capture, decoded from the capture alone."""
    tms, tdi, tdo = (session.bit[name] for name in ("tms", "tdi", "tdo"))
    scans: list[Scan] = []
    state, instruction, length, sent, answered = State.IDLE, 0, 0, 0, 0
    for edge in session.rising("tck"):
        before = session.samples[edge - 1]
        if state in {State.SHIFT_DR, State.SHIFT_IR}:
            sent |= int(bool(before & tdi)) << length
            answered |= int(bool(before & tdo)) << length
            length += 1
        state = NEXT[state][int(bool(before & tms))]
        if state is State.UPDATE_IR:
            instruction = sent & 0xF
        elif state is State.UPDATE_DR and length == 36:
            scans.append(Scan(edge * session.ps / 1e9, False, instruction, length, sent, answered))
        if state in {State.CAPTURE_DR, State.CAPTURE_IR}:
            length = sent = answered = 0
    return scans
