"""SW-DP: the serial wire protocol at bit level, many bits at a time (IHI0031C B4).

The target samples the line at rising edges and changes its own output right after them. ``exchange`` works on
integers, LSB first; phases consume as many bits as they can in one operation.
"""

from __future__ import annotations

from enum import Enum, auto

from .debug_port import ABORT, CTRL_STAT, RDBUFF, SELECT, CtrlStat, DebugPort

__all__ = ["Phase", "SwDp"]

OK, WAIT, FAULT = 0b001, 0b010, 0b100
DPIDR = ABORT  # the same address, read
TARGETSEL = RDBUFF  # the same address, written (version 2)
RESEND = SELECT  # the same address, read
RESET_ONES = 50
TURNAROUND_SHIFT = 8  # DLCR.TURNROUND
CTRLSEL = 0xF  # SELECT.DPBANKSEL


class Phase(Enum):
    """Where in a packet the wire is. In the phases with a name in DRIVES the target drives the line."""

    IDLE = auto()
    REQUEST = auto()
    TURN = auto()
    ACK = auto()
    READ_DATA = auto()
    TURN_BACK = auto()
    TURN_TO_WRITE = auto()
    WRITE_DATA = auto()
    SKIP_DATA = auto()  # a data phase that means nothing: after WAIT or FAULT while overruns are detected
    LOCKED = auto()  # after a protocol error: nothing but a line reset helps
    RESET = auto()  # in a line reset


DRIVES = {Phase.ACK, Phase.READ_DATA}
DATA_BITS = 33


def parity(value: int) -> int:
    """Return the even parity bit of ``value``."""
    return value.bit_count() & 1


class SwDp:
    """The serial wire side of a debug port."""

    def __init__(self, port: DebugPort) -> None:
        self.port = port
        self.protocol_errors = 0
        self.power_on()

    def power_on(self) -> None:
        """Power-on, or selected anew: deaf until a line reset."""
        self._turnaround = 1
        self._selected = True
        self._fresh = False  # after a line reset: DPIDR must be read first
        self._ones = 0
        self._resent = 0
        self._request = 0
        self._begin(Phase.LOCKED, 0)

    def _begin(self, phase: Phase, bits: int, out: int = 0) -> None:
        self.phase = phase
        self.left = bits
        self._shift = out if phase in DRIVES else 0
        self._taken = 0
        self._size = bits

    # --- the line

    @property
    def drives(self) -> bool:
        """True while the target drives the line."""
        return self.phase in DRIVES

    @property
    def level(self) -> int:
        """The level that the target drives."""
        return self._shift & 1

    @property
    def in_reset(self) -> bool:
        """True inside a line reset."""
        return self.phase is Phase.RESET

    def exchange(self, n: int, host: int) -> tuple[int, int, int]:
        """Take up to ``n`` clocks; return how many were taken, and level and drive of the target before each.

        Fewer than ``n`` are taken when a line reset begins or ends, so that whoever watches for switching sequences
        can look.
        """
        level = mask = done = 0
        while done < n:
            phase = self.phase
            take, bits = self._consume(n - done, host >> done)
            if phase in DRIVES:
                level |= bits << done
                mask |= (1 << take) - 1 << done
            done += take
            if (phase is Phase.RESET) != (self.phase is Phase.RESET):
                break
        return done, level, mask

    def _consume(self, n: int, host: int) -> tuple[int, int]:
        """Take one step of at most ``n`` clocks; return its length and what the target drove."""
        phase = self.phase
        if phase is Phase.IDLE:
            return self._idle(n, host), 0
        if phase is Phase.LOCKED or phase is Phase.RESET:
            return self._wait_for_reset(n, host), 0
        take = min(n, self.left)
        out = self._shift & (1 << take) - 1
        self._shift >>= take
        self._taken |= (host & (1 << take) - 1) << self._size - self.left
        self.left -= take
        self.port.wire.tick(take)
        if not self.left:
            _ENDS[phase](self)
        return take, out

    def _idle(self, n: int, host: int) -> int:
        """Skip to the next start bit."""
        host &= (1 << n) - 1
        zeros = (host & -host).bit_length() - 1 if host else n
        if zeros:
            self._ones = 0
            self.port.wire.tick(zeros)
            return zeros
        self._begin(Phase.REQUEST, 8)
        return 0

    def _wait_for_reset(self, n: int, host: int) -> int:
        """Count ones; 50 of them begin a line reset, the next zero ends it."""
        host &= (1 << n) - 1
        ones = (~host & host + 1).bit_length() - 1
        if not ones:
            zeros = (host & -host).bit_length() - 1 if host else n
            if self.phase is Phase.RESET:
                zeros = 1
                self._begin(Phase.IDLE, 0)
            self._ones = 0
            self.port.wire.tick(zeros)
            return zeros
        if self.phase is Phase.LOCKED and self._ones + ones >= RESET_ONES:
            ones = RESET_ONES - self._ones
            self._line_reset()
        self._ones += ones
        self.port.wire.tick(ones)
        return ones

    def _line_reset(self) -> None:
        self._begin(Phase.RESET, 0)
        self._turnaround = 1
        self._fresh = True
        self._selected = True
        self.port.select &= ~CTRLSEL

    def _protocol_error(self) -> None:
        """A request that cannot be: no acknowledge, and deaf until a line reset."""
        self.protocol_errors += 1
        self.port.overrun()
        self._begin(Phase.LOCKED, 0)

    # --- the ends of phases

    def _end_request(self) -> None:
        request = self._taken
        ones = self._ones + 8 if request == 0xFF else 8 - (~request & 0xFF).bit_length()
        fields = request >> 1 & 0xF
        if request & 0xC1 != 0x81 or parity(fields) != request >> 5 & 1:
            self._protocol_error()
            self._ones = ones
            return
        self._ones = 0
        self._request = fields
        address, read, ap = self.fields()
        if not ap and not read and address == TARGETSEL and self.port.ids.version >= 2 and self._fresh:
            self._begin(Phase.TURN_TO_WRITE, 2 * self._turnaround + 3)  # nobody acknowledges TARGETSEL
            return
        if not self._selected:
            self._begin(Phase.LOCKED, 0)
            return
        if self._fresh and (ap or not read or address != DPIDR):
            self._protocol_error()
            return
        self._fresh = False
        self._begin(Phase.TURN, self._turnaround)

    def fields(self) -> tuple[int, bool, bool]:
        """Address, RnW and APnDP of the packet."""
        return self._request & 0xC, bool(self._request & 2), bool(self._request & 1)

    def _end_turn(self) -> None:
        self._ack = self._judge()
        if self._ack != OK:
            self.port.waits += self._ack == WAIT
            self.port.overrun()
            self._note_read(ok=False)
        self._begin(Phase.ACK, 3, self._ack)

    def _end_ack(self) -> None:
        read = self.fields()[1]
        if self._ack != OK:
            self._end_refused(read=read)
        elif read:
            value = self._read()
            bad = self.port.faults.at_read_data()
            self._begin(Phase.READ_DATA, DATA_BITS, value | (parity(value) ^ bad) << 32)
        else:
            self._begin(Phase.TURN_TO_WRITE, self._turnaround)

    def _end_refused(self, *, read: bool) -> None:
        if not self.port.detects_overruns:
            self._begin(Phase.TURN_BACK, self._turnaround)
        elif read:
            self._begin(Phase.SKIP_DATA, DATA_BITS + self._turnaround)
        else:
            self._begin(Phase.SKIP_DATA, self._turnaround + DATA_BITS)

    def _end_read_data(self) -> None:
        self._begin(Phase.TURN_BACK, self._turnaround)

    def _end_turn_to_write(self) -> None:
        self._begin(Phase.WRITE_DATA, DATA_BITS)

    def _end_write_data(self) -> None:
        ones = self._taken  # a line reset may begin in here
        value, good = self._taken & 0xFFFF_FFFF, parity(self._taken) == 0
        address, _, ap = self.fields()
        if not ap and address == TARGETSEL and self._fresh:
            self._select_target(value if good else -1)
        elif good:
            self._write(value)
        else:
            self.port.flags |= CtrlStat.WDATAERR
        if self.phase is Phase.WRITE_DATA:
            self._idle_again()
        self._ones = DATA_BITS - (~ones & (1 << DATA_BITS) - 1).bit_length()

    def _idle_again(self) -> None:
        self._begin(Phase.IDLE, 0)

    def _select_target(self, value: int) -> None:
        ids = self.port.ids
        self._selected = value == ids.targetid & 0x0FFF_FFFF | ids.instance << 28
        if not self._selected:
            self._begin(Phase.LOCKED, 0)

    # --- registers

    def _judge(self) -> int:
        """Decide the acknowledge (IHI0031C B4.2.3)."""
        port = self.port
        address, read, ap = self.fields()
        busy = port.poll()
        if not ap and ((read and address in {DPIDR, CTRL_STAT}) or (not read and address == ABORT)):
            return OK
        if port.sticky:
            return FAULT
        self._refuse_bus = False
        if ap:
            injected = port.faults.at_access()
            if injected == "wait":
                return WAIT
            self._refuse_bus = injected == "fault"
        if busy and (not ap or read or port.buffer_full):
            return WAIT
        return OK

    _refuse_bus = False
    _ack = OK

    def _note_read(self, *, ok: bool) -> None:
        address, read, ap = self.fields()
        if (ap and read) or (not ap and read and address == RDBUFF):
            flags = self.port.flags & ~CtrlStat.READOK
            self.port.flags = flags | CtrlStat.READOK if ok else flags

    def _read(self) -> int:
        port = self.port
        address, _, ap = self.fields()
        if ap:
            self._resent = port.ap_result
            port.start(address, None, refuse=self._refuse_bus)
            self._note_read(ok=True)
            return self._resent
        if address == DPIDR:
            return port.ids.dpidr
        if address == CTRL_STAT:
            return self._banked()
        if address == RDBUFF:
            self._resent = port.read_buffer()
            self._note_read(ok=True)
        return self._resent

    def _banked(self) -> int:
        """Read the register that SELECT.DPBANKSEL puts at CTRL/STAT's address."""
        port, bank = self.port, self.port.select & CTRLSEL
        if port.ids.version < 2:
            bank &= 1
        if bank == 0:
            return port.read_ctrl_stat()
        if bank == 1:
            return self._turnaround - 1 << TURNAROUND_SHIFT | 0x40
        return {2: port.ids.targetid, 3: port.ids.instance << 28 | 1}.get(bank, 0)

    def _write(self, value: int) -> None:
        port = self.port
        address, _, ap = self.fields()
        if ap:
            port.start(address, value, refuse=self._refuse_bus)
        elif address == ABORT:
            port.write_abort(value, clears=True)
        elif address == SELECT:
            port.select = value
        elif address == CTRL_STAT and not port.select & 1:
            port.write_ctrl_stat(value)
        elif address == CTRL_STAT and port.select & CTRLSEL == 1:
            self._turnaround = (value >> TURNAROUND_SHIFT & 3) + 1


_ENDS = {
    Phase.REQUEST: SwDp._end_request,  # noqa: SLF001 - the class's own table
    Phase.TURN: SwDp._end_turn,  # noqa: SLF001
    Phase.ACK: SwDp._end_ack,  # noqa: SLF001
    Phase.READ_DATA: SwDp._end_read_data,  # noqa: SLF001
    Phase.TURN_BACK: SwDp._idle_again,  # noqa: SLF001
    Phase.SKIP_DATA: SwDp._idle_again,  # noqa: SLF001
    Phase.TURN_TO_WRITE: SwDp._end_turn_to_write,  # noqa: SLF001
    Phase.WRITE_DATA: SwDp._end_write_data,  # noqa: SLF001
}
