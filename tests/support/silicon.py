"""Plays the host's side of a wire capture into a simulated debug port, clock by clock, and keeps what differs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

from haltpoint.sim.adi.jtag_dp import JtagDp
from haltpoint.sim.adi.sw_dp import Phase
from haltpoint.sim.adi.swj import SwjDp
from haltpoint.sim.adi.tap import NEXT, State
from haltpoint.sim.adi.wire_clock import WireClock
from haltpoint.sim.clock import VirtualClock
from haltpoint.sim.machine import RESET_PULSE_PS

from .sigrok import Capture

__all__ = ["JtagPlayer", "Packet", "PlayedClock", "Scan", "SwdPlayer", "first_stale_word", "read_words"]


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
    source: int | None = None  # the address in memory that the captured word comes from

    def __str__(self) -> str:
        kind = "IR" if self.ir else f"DR {self.instruction:04b}"
        return (
            f"{self.ms:10.3f} ms {kind} {self.length} bits: TDI {self.tdi:x}, TDO real {self.real:x}, "
            f"simulated {self.simulated:x}"
        )


@dataclass
class _Follower:
    """Keeps the address of the last memory read: the next result that the access port hands out is its word."""

    swj: SwjDp
    wire: PlayedClock
    _source: int | None = None

    def _follow_reads(self) -> None:
        target, ap = self.swj.port.target, self.swj.port.ap
        read, plain = target.read, ap.read

        def followed(address: int, width: int) -> int:
            self._source = address
            return read(address, width)

        def plain_register(register: int) -> int:
            self._source = None
            return plain(register)

        target.read, ap.read = followed, plain_register  # type: ignore[method-assign]


@dataclass
class JtagPlayer(_Follower):
    """Plays TCK, TMS, TDI and TRST; compares TDO in the shift states, where it is driven."""

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
        self._follow_reads()
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
                    scan.source = self._source if cpu.last is None else None
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
    scans = _WordFollower()
    for scan in _real_scans(session):
        scans.take(scan)
    return scans.words


def first_stale_word(session: Capture) -> int:
    """What the first scan behind an AP access captures before any read of its own: the last word of the time before."""
    scans = _real_scans(session)
    for before, scan in pairwise(scans):
        if before.instruction == 0b1011:
            return scan.real >> 3 & 0xFFFF_FFFF
    return 0


class _WordFollower:
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


@dataclass
class Packet:
    """One SWD packet as the simulated port understood it, with what the target drove in the capture and here."""

    ms: float
    ap: bool = False
    read: bool = False
    address: int = 0
    written: int = 0
    real_ack: int = 0
    ack: int = 0
    real_data: int = 0
    data: int = 0
    source: int | None = None  # the address in memory that the word of a read comes from

    @property
    def same(self) -> bool:
        """True when every bit that the target drives is the same."""
        return self.real_ack == self.ack and self.real_data == self.data

    def __str__(self) -> str:
        port, way = "AP" if self.ap else "DP", "read" if self.read else "write"
        text = f"{self.ms:10.4f} ms {way} {port} {self.address:X}: acknowledge real {self.real_ack:03b}, "
        text += f"simulated {self.ack:03b}"
        if self.read:
            where = "" if self.source is None else f" from {self.source:08x}"
            return text + f"; data real {self.real_data:09x}, simulated {self.data:09x}{where}"
        return text + f"; written {self.written:08x}"


@dataclass
class SwdPlayer(_Follower):
    """Plays SWCLK and SWDIO; where the simulated target drives, its level is compared with the capture's.

    A different acknowledge ends the comparison: from there on the two would speak of different packets.
    """

    packets: list[Packet] = field(default_factory=list)
    events: list[tuple[float, Callable[[], None]]] = field(default_factory=list)  # calls at milliseconds, in order

    def play(self, session: Capture, *, until_ms: float = 1e12) -> list[Packet]:
        """Play a capture; return its packets."""
        swdio, samples, sw = session.bit["swdio"], session.samples, self.swj.sw
        packet = Packet(0)
        last = None
        self._follow_reads()
        for edge in session.rising("swclk"):
            if edge * session.ps > until_ms * 1e9:
                break
            bit = int(bool(samples[edge - 1] & swdio))
            self.wire.go_to(edge * session.ps)
            while self.events and self.events[0][0] * 1e9 <= edge * session.ps:
                self.events.pop(0)[1]()
            phase, left = sw.phase, sw.left
            if phase is Phase.ACK and last is not Phase.ACK:
                source = self._source
                packet = Packet(edge * session.ps / 1e9)
                packet.address, packet.read, packet.ap = sw.fields()
                if packet.ap or packet.address == 0xC:
                    packet.source = source
                self.packets.append(packet)
            level, mask = self.swj.exchange(1, bit)
            if phase is Phase.ACK:
                packet.real_ack |= bit << 3 - left
                packet.ack |= (level & mask) << 3 - left
                if left == 1 and packet.ack != packet.real_ack:
                    return self.packets
            elif phase is Phase.READ_DATA:
                packet.real_data |= bit << 33 - left
                packet.data |= (level & mask) << 33 - left
            elif phase is Phase.WRITE_DATA:
                packet.written |= bit << 33 - left if left > 1 else 0
            last = phase
        return self.packets

    def differences(self) -> list[Packet]:
        """Packets that differ."""
        return [packet for packet in self.packets if not packet.same]
