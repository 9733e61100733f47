"""Whole scans in one operation against the same clocks one bit at a time: random commands, all replies, all state."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, cast

import pytest

from haltpoint.sim.board import Board, open_board
from haltpoint.sim.bus import Unmodelled
from haltpoint.sim.ftdi.device import Ftdi
from haltpoint.sim.ftdi.wiring import Edges, Wiring

STREAMS = 60
COMMANDS = 120
SHIFTS = (0x10, 0x11, 0x18, 0x19, 0x1D, 0x20, 0x24, 0x28, 0x29, 0x2C, 0x2D, 0x31, 0x34, 0x39, 0x3C, 0x3D)
TMS = (0x4A, 0x4B, 0x4F, 0x6A, 0x6B, 0x6E, 0x6F)
LINE_RESET = b"\x19\x06\x00" + b"\xff" * 7 + b"\x19\x00\x00\x00"
TO_SWD = b"\x19\x06\x00" + b"\xff" * 7 + b"\x19\x01\x00\x9e\xe7"
TO_JTAG = b"\x19\x06\x00" + b"\xff" * 7 + b"\x19\x01\x00\x3c\xe7"

POWER_UP = (
    b"\x4b\x03\x03\x3b\x07\xfa\x6b\x01\x83\x4b\x00\x00"  # DPACC and BYPASS
    b"\x4b\x02\x01\x39\x03\x00\x92\x01\x00\x80\x3b\x02\x02\x6b\x02\x03"  # CTRL/STAT = 0x50000032
)


def channel(board: Board) -> Any:
    return cast("Ftdi", board.probe).channels[0]


def one_bit_at_a_time(wiring: Wiring) -> None:
    """Let every clock be an operation of its own: the reference."""
    clock, clock_tms = wiring.clock, wiring.clock_tms

    def slow_clock(n: int, tdi: int, edges: Edges) -> int:
        return sum(clock(1, tdi >> bit & 1, edges) << bit for bit in range(n))

    def slow_clock_tms(n: int, tms: int, tdi: int, edges: Edges) -> int:
        return sum(clock_tms(1, tms >> bit & 1, tdi, edges) << bit for bit in range(n))

    wiring.clock, wiring.clock_tms = slow_clock, slow_clock_tms  # type: ignore[method-assign]


def random_shift(rng: random.Random) -> bytes:
    code = rng.choice(SHIFTS)
    writes = bool(code & 0x10)
    if rng.random() < 0.5:
        return bytes([code | 2, rng.randrange(8)]) + (rng.randbytes(1) if writes else b"")
    length = rng.choice([1, 2, 5, 17])
    return bytes([code]) + (length - 1).to_bytes(2, "little") + (rng.randbytes(length) if writes else b"")


def random_pins(rng: random.Random) -> bytes:
    pins = rng.choice([0x00, 0x01, 0x08, 0x0A, 0x02])
    return bytes([0x80, pins, rng.choice([0x0B, 0x0B, 0x0B, 0x0B, 0x09, 0x03])])


def jtag_scan(rng: random.Random) -> bytes:
    if rng.random() < 0.4:
        code = rng.choice([0b1010, 0b1011, 0b1011, 0b1000, 0b1110])
        code = rng.choice([code, 0b1011])
        return b"\x4b\x03\x03\x3b\x07" + bytes([code | 0xF0]) + b"\x6b\x01\x83" + bytes([0x4B, rng.choice([0, 6]), 0])
    access = rng.choice([0x07, 0x03, 0x05, 0x02, 0x06, 0x00, 0x04])
    data = rng.choice([0x2000_0000, 0x2300_0012, 0x5000_0001, 0x5000_0032, 0xE000_ED00, rng.getrandbits(32)])
    bits = data << 3 | access
    body = b"\x39\x03\x00" + (bits & 0xFFFF_FFFF).to_bytes(4, "little") + b"\x3b\x02" + bytes([bits >> 32 & 7])
    end = rng.choice([b"\x6b\x02\x03", b"\x6b\x01\x03", b"\x6b\x06\x03"])
    return b"\x4b\x02\x01" + body + end


def swd_packet(rng: random.Random) -> bytes:
    fields = rng.randrange(16)
    if not fields & 1 and not fields & 2 and fields & 0xC == 4:
        data = rng.choice([0x5000_0000, 0x5000_0001])
    else:
        data = rng.choice([0x2000_0000, 0x2300_0012, 0x10, 0, 0x1E, rng.getrandbits(32) & 0xFFFF_FFFD])
    request = 0x81 | fields << 1 | (fields.bit_count() & 1) << 5
    if rng.random() < 0.03:
        request ^= 1 << rng.randrange(8)
    parity = data.bit_count() & 1 ^ (rng.random() < 0.03)
    out = b"\x1b\x07" + bytes([request])
    if fields & 2:
        out += b"\x29\x03\x00\x2b\x05"
    else:
        out += b"\x2b\x04\x19\x03\x00" + data.to_bytes(4, "little") + b"\x1b\x00" + bytes([parity])
    return out + rng.choice([b"", b"\x1b\x01\x00", b"\x19\x00\x00\x00", b"\x1b\x03\x00"])


def stream(rng: random.Random, swd: bool) -> bytes:
    packet: Callable[[random.Random], bytes] = swd_packet if swd else jtag_scan
    out = TO_SWD + LINE_RESET + b"\x1b\x07\xa5\x29\x03\x00\x2b\x05" if swd else b"\x4b\x05\x1f" + POWER_UP
    for _ in range(COMMANDS):
        chance = rng.random()
        if chance < 0.8:
            out += packet(rng)
        elif chance < 0.86:
            out += random_shift(rng)
        elif chance < 0.9:
            code = rng.choice(TMS)
            out += bytes([code, rng.randrange(7), rng.randrange(256)])
        elif chance < 0.93:
            out += random_pins(rng) + b"\x81"
        elif chance < 0.96:
            out += bytes([0x8E, rng.randrange(8)]) + b"\x8f\x01\x00"
        else:
            out += rng.choice([LINE_RESET, TO_SWD, TO_JTAG, b"\x4b\x05\x1f", b"\x80\x00\x0b"])
    return out


def state(board: Board) -> dict[str, object]:
    port, swj = board.swj.port, board.swj
    return {
        "protocol": swj.protocol,
        "flags": port.flags,
        "select": port.select,
        "result": port.ap_result,
        "clocks": port.wire.count,
        "waits": port.waits,
        "errors": swj.sw.protocol_errors,
        "phase": swj.sw.phase,
        "tap": swj.chain.state,
        "csw": port.ap.csw,
        "tar": port.ap.tar,
        "pins": channel(board).wiring.value,
        "time": board.clock.horizon,
    }


def run(board: Board, data: bytes) -> str:
    """Carry out a stream; what ended it early, for random bits may ask for what is not modelled."""
    one = channel(board)
    one.set_bitmode(2)
    try:
        one.mpsse.feed(b"\x80\x08\x0b" + data)
    except Unmodelled as gap:
        return str(gap)
    one.wiring.wire.settle()
    return ""


@pytest.mark.parametrize("latency", [0, 60])
@pytest.mark.parametrize("wire", ["jtag", "swd"])
def test_bulk_equals_bits(wire: str, latency: int) -> None:
    seen = {"waits": 0, "errors": 0, "reads": 0, "whole": 0}
    for seed in range(STREAMS):
        rng = random.Random(f"{wire} {latency} {seed}")
        boards = [open_board(f"sim:stm32f103c8,probe=ft2232h,wire={wire},latency={latency}") for _ in range(2)]
        one_bit_at_a_time(channel(boards[1]).wiring)
        data = stream(rng, wire == "swd")
        gone = [run(board, data) for board in boards]
        replies = [bytes(channel(board).replies) for board in boards]
        assert gone[0] == gone[1], f"seed {seed}"
        assert replies[0] == replies[1], f"seed {seed}"
        if gone[0]:
            continue
        fast, slow = state(boards[0]), state(boards[1])
        assert fast == slow, f"seed {seed}"
        seen["whole"] += 1
        seen["waits"] += boards[0].swj.port.waits
        seen["errors"] += boards[0].swj.sw.protocol_errors
        seen["reads"] += len(set(replies[0]))
    print(seen)
    assert seen["waits"], "the streams reach WAIT"
    assert seen["whole"] > 10
    assert seen["reads"] > 10 * seen["whole"]
