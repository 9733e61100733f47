"""SWJ-DP: one port, two protocols, and the sequences that switch between them (IHI0031C B5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from .debug_port import DebugPort
from .jtag_dp import JtagDp
from .sw_dp import SwDp
from .tap import BoundaryScanTap, Tap, TapChain

__all__ = ["Protocol", "SwjDp"]


class Protocol(Enum):
    """What the pins speak."""

    JTAG = "JTAG"
    SWD = "SWD"
    DORMANT = "dormant"


@dataclass(frozen=True)
class Switch:
    """A switching sequence: ``bits`` bits of ``value``, LSB first, after at least ``ones`` ones."""

    ones: int
    bits: int
    value: int
    to: Protocol


TO_SWD = Switch(50, 16, 0xE79E, Protocol.SWD)
TO_JTAG = Switch(50, 16, 0xE73C, Protocol.JTAG)
JTAG_TO_DORMANT = Switch(5, 31, 0x33BB_BBBA, Protocol.DORMANT)
SWD_TO_DORMANT = Switch(50, 16, 0xE3BC, Protocol.DORMANT)
ALERT = 0x19BC_0EA2_E3DD_AFE9_8685_2D95_6209_F392
WAKE_BITS = 128 + 4 + 8
WAKE_TO_SWD = Switch(8, WAKE_BITS, 0x1A << 132 | ALERT, Protocol.SWD)
WAKE_TO_JTAG = Switch(8, WAKE_BITS, 0x0A << 132 | ALERT, Protocol.JTAG)


class Watch:
    """Looks for switching sequences in the bits of SWDIO/TMS."""

    def __init__(self, sequences: Sequence[Switch]) -> None:
        self._sequences = sequences
        self.reset()

    def reset(self) -> None:
        """Forget what was seen."""
        self.ones = 0
        self._candidates: list[Switch] = []
        self._seen = 0

    @property
    def listening(self) -> bool:
        """True while a sequence may be under way, so that every bit counts."""
        return bool(self._candidates)

    def constant(self, n: int, level: int) -> None:
        """Take ``n`` equal bits while not listening."""
        self.ones = self.ones + n if level else 0

    def feed(self, bit: int) -> Protocol | None:
        """Take one bit; the protocol that it switches to, if it does."""
        at = self._seen
        candidates = [one for one in self._candidates if one.value >> at & 1 == bit]
        self._seen += 1
        for one in candidates:
            if one.bits == self._seen:
                self.reset()
                return one.to
        if not candidates and not bit:
            candidates = [one for one in self._sequences if self.ones >= one.ones and not one.value & 1]
            self._seen = 1
        self._candidates = candidates
        self.ones = self.ones + 1 if bit else 0
        return None


class SwjDp:
    """The pins TCK/SWCLK, TMS/SWDIO, TDI, TDO and nTRST of a chip's debug port. Starts as JTAG after power-on."""

    def __init__(self, port: DebugPort) -> None:
        self.port = port
        self.sw = SwDp(port)
        taps: list[Tap] = [JtagDp(port)] if port.ids.jtag_id else []
        if port.ids.boundary_scan_id:
            taps.append(BoundaryScanTap(port.ids.boundary_scan_id))
        self.chain = TapChain(taps, port.wire)
        dormant = port.ids.version >= 2
        self._watches = {
            Protocol.JTAG: Watch((TO_SWD, JTAG_TO_DORMANT) if dormant else (TO_SWD,)),
            Protocol.SWD: Watch(((TO_JTAG,) if taps else ()) + ((SWD_TO_DORMANT,) if dormant else ())),
            Protocol.DORMANT: Watch((WAKE_TO_SWD, WAKE_TO_JTAG) if taps else (WAKE_TO_SWD,)),
        }
        self._first = Protocol.JTAG if taps else Protocol.SWD
        self.power_on()

    def power_on(self) -> None:
        """Power-on reset of the debug port."""
        self.port.power_on()
        self.become(self._first)

    def become(self, protocol: Protocol) -> None:
        """Speak another protocol from the next clock on."""
        self.protocol = protocol
        self.port.jtag = protocol is Protocol.JTAG
        self._watch = self._watches[protocol]
        self._watch.reset()
        self.chain.reset()
        self.sw.power_on()

    # --- pins

    def reset_taps(self) -> None:
        """Pull nTRST low for a moment."""
        self.chain.reset()

    def shift(self, n: int, tms: int, tdi: int) -> int:
        """Clock ``n`` times with TMS constant; return TDO before each rising edge, LSB first."""
        tdo = done = 0
        while done < n and self.protocol is Protocol.JTAG:
            if self._watch.listening or (not tms and self._watch.ones >= 5):
                tdo |= self._step(tms, tdi >> done & 1) << done
                done += 1
            else:
                self._watch.constant(n - done, tms)
                return tdo | self.chain.shift(n - done, tms, tdi >> done) << done
        if done < n:
            rest = (1 << n - done) - 1
            self.exchange(n - done, rest if tms else 0)
            tdo |= rest << done
        return tdo

    def walk(self, n: int, tms: int, tdi: int) -> int:
        """Clock ``n`` times with TDI constant and a bit of TMS each; return TDO before each rising edge."""
        tdo = done = 0
        while done < n and self.protocol is Protocol.JTAG:
            tdo |= self._step(tms >> done & 1, tdi) << done
            done += 1
        if done < n:
            self.exchange(n - done, tms >> done)
            tdo |= (1 << n - done) - 1 << done
        return tdo

    def _step(self, tms: int, tdi: int) -> int:
        tdo = self.chain.step(tms, tdi)
        to = self._watch.feed(tms)
        if to is not None:
            self.become(to)
        return tdo

    def exchange(self, n: int, swdio: int) -> tuple[int, int]:
        """Clock ``n`` times with a bit of SWDIO each; return level and drive of the target before each rising edge."""
        level = mask = done = 0
        while done < n:
            rest = n - done
            if self.protocol is Protocol.SWD:
                taken, one_level, one_mask = self._serial(rest, swdio >> done)
                level |= one_level << done
                mask |= one_mask << done
            elif self.protocol is Protocol.JTAG:
                self._step(swdio >> done & 1, 1)
                taken = 1
            else:
                self.port.wire.tick(1)
                to = self._watch.feed(swdio >> done & 1)
                if to is not None:
                    self.become(to)
                taken = 1
            done += taken
        return level, mask

    def _serial(self, n: int, swdio: int) -> tuple[int, int, int]:
        watch = self._watch
        if not (watch.listening or watch.ones):
            result = self.sw.exchange(n, swdio)
            if self.sw.in_reset:
                watch.constant(50, 1)  # the line reset's ones, as many as any sequence wants
            return result
        result = self.sw.exchange(1, swdio)
        to = watch.feed(swdio & 1)
        if to is not None:
            self.become(to)
        return result

    # --- levels between clocks

    @property
    def tdo(self) -> int:
        """Level of TDO, pulled up where nothing drives it."""
        return self.chain.tdo if self.protocol is Protocol.JTAG else 1

    @property
    def drives_swdio(self) -> bool:
        """True while the target drives SWDIO."""
        return self.protocol is Protocol.SWD and self.sw.drives

    @property
    def swdio(self) -> int:
        """The level that the target drives."""
        return self.sw.level
