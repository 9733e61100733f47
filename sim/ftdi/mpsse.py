"""The Multi-Protocol Synchronous Serial Engine: FTDI AN_108, commands of 0x10 to 0x9E.

The hardware decodes the bits of shift commands rather than a list of them: OpenOCD uses 0x29, 0x2B and 0x4F, which
AN_108 does not list, and they work.
"""

from __future__ import annotations

from collections.abc import Callable

from .wiring import TDI, TMS, Edges, Wiring

__all__ = ["Mpsse"]

WRITE_FALLING, BITS, READ_FALLING, LSB_FIRST, WRITE, READ, TMS_COMMAND = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40
BAD_COMMAND = 0xFA
WAIT_PIN = 5  # GPIOL1
RETURN_PIN = 7  # GPIOL3: RTCK
BASE_HZ_PERIOD = 200_000  # one divisor step of the 60 MHz clock is 2/60 us: in sixths of a picosecond
COMMAND_GAP = 100_000
"""Picoseconds from one command to the next: TCK of a real FT2232H shows gaps of 0 to 0.25 us at 1 MHz."""

Handler = Callable[[int, bytes], "bool | None"]
REVERSED = bytes(int(f"{n:08b}"[::-1], 2) for n in range(256))


class Mpsse:
    """One engine. Bytes go in by :meth:`feed`, replies come out of ``reply`` as long as there is ``room``.

    ``room`` is how many bytes the reply FIFO can take: a full one stops the engine in the middle of a command.
    """

    def __init__(self, wiring: Wiring, room: Callable[[], int]) -> None:
        self.wiring = wiring
        self.room = room
        self.reply = bytearray()
        self.flush = False
        self._commands = self._handlers()
        self.reset()

    def reset(self) -> None:
        """Enter the mode anew: nothing buffered, 6 MHz, all else off. The pins are inputs."""
        self._input = bytearray()
        self._job: Callable[[int], bool] | None = None
        self._remaining = 0
        self._job_code = 0
        self.loopback = False
        self.adaptive = False
        self.three_phase = False
        self.divide_by_5 = True
        self.divisor = 0
        self._high = self._low = 0
        self._directions = [0, 0]
        self._values = [0, 0]
        self.wiring.drive(0, 0)
        self._set_period()

    @property
    def backlog(self) -> int:
        """Bytes that wait to be carried out."""
        return len(self._input)

    def drop_input(self) -> None:
        """Forget the bytes that wait; a shift that waits for data goes on waiting."""
        self._input.clear()

    def feed(self, data: bytes) -> None:
        """Take bytes and carry out what can be."""
        self._input += data
        self.run()

    def run(self) -> None:
        """Carry out what is there, as far as data, room for replies and pins allow."""
        at, data = 0, self._input
        while True:
            if self._remaining:
                at = self._go_on(at)
                if self._remaining:
                    break
            if at >= len(data):
                break
            used = self._command(data[at], at)
            if not used:
                break
            at += used
            self.wiring.wire.spend(COMMAND_GAP)
        del data[:at]

    # --- commands

    def _handlers(self) -> dict[int, tuple[int, Handler]]:
        """Length and handler by command; a handler that returns False waits for something."""
        return {
            0x80: (3, self._set_pins),
            0x82: (3, self._set_pins),
            0x81: (1, self._read_pins),
            0x83: (1, self._read_pins),
            0x84: (1, self._set_loopback),
            0x85: (1, self._set_loopback),
            0x86: (3, self._set_divisor),
            0x87: (1, self._send_immediate),
            0x88: (1, self._wait_pin),
            0x89: (1, self._wait_pin),
            0x8A: (1, self._set_divide),
            0x8B: (1, self._set_divide),
            0x8C: (1, self._set_phases),
            0x8D: (1, self._set_phases),
            0x8E: (2, self._clock_bits),
            0x8F: (3, self._clock_bytes),
            0x94: (1, self._clock_until),
            0x95: (1, self._clock_until),
            0x96: (1, self._set_adaptive),
            0x97: (1, self._set_adaptive),
            0x9C: (3, self._clock_bytes_until),
            0x9D: (3, self._clock_bytes_until),
        }

    def _command(self, code: int, at: int) -> int:
        """Carry out the command at ``at``; return the bytes it takes, 0 when it cannot be begun yet."""
        if code < 0x80:
            if code & TMS_COMMAND:
                return self._tms(code, at)
            if code & (WRITE | READ):
                return self._begin_shift(code, at)
            return self._bad(code)
        length, handler = self._commands.get(code, (1, self._unknown))
        if len(self._input) - at < length:
            return 0
        done = handler(code, bytes(self._input[at + 1 : at + length]))
        return length if done is not False else 0

    def _bad(self, code: int) -> int:
        if self.room() < 2:
            return 0
        self.reply += bytes([BAD_COMMAND, code])
        return 1

    def _unknown(self, code: int, _: bytes) -> bool:
        return bool(self._bad(code))

    def _edges(self, code: int) -> Edges:
        return _EDGES[self._clock_high, bool(code & READ_FALLING)]

    @property
    def _clock_high(self) -> bool:
        return bool(self._values[0] & 1)

    @property
    def _stuck(self) -> bool:
        """Adaptive clocking waits for RTCK, which no Cortex-M has."""
        return self.adaptive

    def _tms(self, code: int, at: int) -> int:
        if not code & BITS or code & WRITE:
            return self._bad(code)
        if len(self._input) - at < 3 or self._stuck or (code & READ and not self.room()):
            return 0
        n = (self._input[at + 1] & 7) + 1
        data = self._input[at + 2]
        bits = data & 0x7F | (data & 0x40) << 1  # TMS has seven bits; an eighth clock repeats the last
        tdi = data >> 7
        if self._late(code):
            bits = bits << 1 | self.wiring.level(TMS)
        samples = self.wiring.clock_tms(n, bits & (1 << n) - 1, tdi, self._edges(code))
        self.wiring.put(TMS, bits >> n - 1 & 1)
        self.wiring.put(TDI, tdi)
        self._values[0] = self.wiring.value & 0xFF
        if self.loopback:
            samples = (1 << n) - 1 if tdi else 0
        if code & READ:
            self.reply.append(samples << 8 - n & 0xFF)
        return 3

    def _late(self, code: int) -> bool:
        """Data that changes at the edge at which the target samples is seen one clock later."""
        return not code & WRITE_FALLING and not self._clock_high

    def _begin_shift(self, code: int, at: int) -> int:
        head = 2 if code & BITS else 3
        if len(self._input) - at < head or self._stuck:
            return 0
        if code & BITS:
            return self._shift_bits(code, at)
        self._remaining = int.from_bytes(self._input[at + 1 : at + 3], "little") + 1
        self._job_code = code
        return head

    def _shift_bits(self, code: int, at: int) -> int:
        n = (self._input[at + 1] & 7) + 1
        used = 3 if code & WRITE else 2
        if len(self._input) - at < used or (code & READ and not self.room()):
            return 0
        bits = 0
        if code & WRITE:
            byte = self._input[at + 2]
            bits = (byte if code & LSB_FIRST else REVERSED[byte]) & (1 << n) - 1
        samples = self._shift(code, n, bits)
        if code & READ:  # LSB first: bits come in at the top and move down; MSB first the other way round
            byte = samples << 8 - n & 0xFF
            self.reply.append(byte if code & LSB_FIRST else REVERSED[byte])
        return used

    def _shift(self, code: int, n: int, bits: int) -> int:
        wiring = self.wiring
        pin = wiring.value >> TDI & 1
        ones = (1 << n) - 1
        if not code & WRITE:
            bits = ones if pin else 0
            out = bits
        else:
            out = bits
            if self._late(code):
                out = (bits << 1 | pin) & ones
        samples = wiring.clock(n, out, self._edges(code))
        if code & WRITE:
            wiring.put(TDI, bits >> n - 1 & 1)
            self._values[0] = wiring.value & 0xFF
        return out if self.loopback else samples

    def _go_on(self, at: int) -> int:
        """Go on with a shift of bytes as far as data and room last; return where the input goes on."""
        code = self._job_code
        take = self._remaining
        if code & WRITE:
            take = min(take, len(self._input) - at)
        if code & READ:
            take = min(take, self.room())
        if take <= 0:
            return at
        data = self._input[at : at + take] if code & WRITE else b""
        if code & WRITE and not code & LSB_FIRST:
            data = data.translate(REVERSED)
        samples = self._shift(code, 8 * take, int.from_bytes(data, "little"))
        if code & READ:
            out = samples.to_bytes(take, "little")
            self.reply += out if code & LSB_FIRST else out.translate(REVERSED)
        self._remaining -= take
        return at + take if code & WRITE else at

    # --- pins

    def _set_pins(self, code: int, data: bytes) -> None:
        bank = code >> 1 & 1
        self._values[bank], self._directions[bank] = data[0], data[1]
        value = self._values[0] | self._values[1] << 8
        self.wiring.drive(value, self._directions[0] | self._directions[1] << 8)

    def _read_pins(self, code: int, _: bytes) -> bool:
        if not self.room():
            return False
        self.reply.append(self.wiring.read() >> (8 if code == 0x83 else 0) & 0xFF)
        return True

    # --- settings

    def _set_loopback(self, code: int, _: bytes) -> None:
        self.loopback = code == 0x84

    def _set_divisor(self, _: int, data: bytes) -> None:
        self.divisor = int.from_bytes(data, "little")
        self._set_period()

    def _set_divide(self, code: int, _: bytes) -> None:
        self.divide_by_5 = code == 0x8B
        self._set_period()

    def _set_phases(self, code: int, _: bytes) -> None:
        self.three_phase = code == 0x8C
        self._set_period()

    def _set_adaptive(self, code: int, _: bytes) -> None:
        self.adaptive = code == 0x96

    def _set_period(self) -> None:
        self.wiring.wire.settle()
        period = (self.divisor + 1) * BASE_HZ_PERIOD * (5 if self.divide_by_5 else 1)
        self.wiring.wire.period = period * 3 // 2 if self.three_phase else period

    def _send_immediate(self, _: int, __: bytes) -> None:
        self.flush = True

    # --- clocks without data

    def _clocks(self, n: int) -> bool:
        if self._stuck:
            return False
        self.wiring.clock(n, (1 << n) - 1 if self.wiring.value >> TDI & 1 else 0, self._edges(0))
        return True

    def _clock_bits(self, _: int, data: bytes) -> bool:
        return self._clocks((data[0] & 7) + 1)

    def _clock_bytes(self, _: int, data: bytes) -> bool:
        return self._clocks(8 * (int.from_bytes(data, "little") + 1))

    def _wait_pin(self, code: int, _: bytes) -> bool:
        """0x88 and 0x89: wait until GPIOL1 is high or low, without clocks."""
        return self.wiring.level(WAIT_PIN) == (code == 0x88)

    def _clock_until(self, code: int, _: bytes) -> bool:
        """0x94 and 0x95: clock until GPIOL1 is high or low; one that never comes clocks for ever."""
        return self.wiring.level(WAIT_PIN) == (code == 0x94)

    def _clock_bytes_until(self, code: int, data: bytes) -> bool:
        """0x9C and 0x9D: as 0x8F, but stop when GPIOL1 is high or low."""
        if self.wiring.level(WAIT_PIN) == (code == 0x9C):
            return True
        return self._clock_bytes(code, data)


_EDGES = {(idle, sample): Edges(idle, sample) for idle in (False, True) for sample in (False, True)}
