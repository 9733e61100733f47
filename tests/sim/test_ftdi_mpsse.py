"""The MPSSE's commands: AN_108 one by one, on a chip whose TDO answers."""

from __future__ import annotations

import time
from typing import Any, cast

import pytest
from support.ftdi_host import CSW, CTRL_STAT, DRW, POWER_UP, TAR, WORDS, JtagHost, Mpsse, SwdHost, open_probe

from haltpoint.sim.adi.wire_clock import WireClock
from haltpoint.sim.board import open_board
from haltpoint.sim.ftdi.device import Ftdi

BOARD = "sim:stm32f103c8,probe=ft2232h,wire=jtag"
ID = 0x3BA0_0477
TO_SHIFT_DR = b"\x4b\x05\x1f\x4b\x03\x02"  # Test-Logic-Reset, then to Shift-DR, where IDCODE stands


class Engine(Mpsse):
    """An MPSSE with TCK, TDI and TMS driven, and the board around it."""

    def __init__(self, options: str = "") -> None:
        self.board = open_board(BOARD + options)
        super().__init__(open_probe(self.board))
        self.ftdi.write_data(b"\x80\x08\x0b")

    @property
    def wire(self) -> WireClock:
        """The clocks of the channel."""
        return cast("Ftdi", self.board.probe).channels[0].wiring.wire


def engine(options: str = "") -> Engine:
    return Engine(options)


@pytest.mark.parametrize("code", [0x00, 0x0F, 0x40, 0x50, 0x90, 0x98, 0xAA, 0xAB, 0xFF])
def test_bad_commands_are_echoed(code: int) -> None:
    assert engine().raw(bytes([code]), 2) == bytes([0xFA, code])


def test_the_command_after_a_bad_one_is_carried_out() -> None:
    assert engine().raw(b"\xab\x81", 3)[:2] == b"\xfa\xab"


def test_bytes_and_bits_lsb_first() -> None:
    assert engine().raw(TO_SHIFT_DR + b"\x28\x03\x00", 4) == ID.to_bytes(4, "little")
    assert engine().raw(TO_SHIFT_DR + b"\x2a\x06", 1) == bytes([(ID & 0x7F) << 1]), "bits come in from the top"


def test_bytes_and_bits_msb_first() -> None:
    mirrored = int(f"{ID & 0xFF:08b}"[::-1], 2)
    assert engine().raw(TO_SHIFT_DR + b"\x20\x00\x00", 1) == bytes([mirrored])
    assert engine().raw(TO_SHIFT_DR + b"\x22\x04", 1) == bytes([mirrored >> 3])


@pytest.mark.parametrize("code", [0x29, 0x2D, 0x2C, 0x39, 0x3D])
def test_jtag_reads_the_same_on_both_edges_where_tck_idles_low(code: int) -> None:
    data = bytes(4) if code & 0x10 else b""
    assert engine().raw(TO_SHIFT_DR + bytes([code, 3, 0]) + data, 4) == ID.to_bytes(4, "little")


def test_tck_idling_high_and_falling_samples_are_a_bit_late() -> None:
    mpsse = engine()
    mpsse.raw(TO_SHIFT_DR)
    mpsse.raw(b"\x80\x01\x0b")  # TCK rises once: one bit is gone
    got = mpsse.raw(b"\x2c\x02\x00", 3)
    assert int.from_bytes(got, "little") == (ID >> 1 << 1 | ID & 1) & 0xFF_FFFF


def test_data_that_changes_at_the_rising_edge_is_seen_a_clock_later() -> None:
    """0x18 and 0x1A where TCK idles low: the target samples the bit before."""
    shifted = []
    for code in (0x19, 0x18):
        mpsse = engine()
        mpsse.raw(TO_SHIFT_DR + bytes([code]) + b"\x07\x00" + b"\xa5" * 8)
        shifted.append(int.from_bytes(mpsse.raw(b"\x28\x07\x00", 8), "little"))
    assert shifted[1] == shifted[0] << 1 & 0xFFFF_FFFF_FFFF_FFFF


def test_swd_sampled_on_the_falling_edge_is_a_bit_early() -> None:
    host = SwdHost("sim:stm32f103c8,probe=ft2232h,wire=swd")
    host.switch()
    host.mpsse.flush()
    request = b"\x1b\x07" + bytes([SwdHost.request(0, 1, 0)])
    early = host.mpsse.raw(request + b"\x2e\x03", 1)[0] >> 4
    assert early & 7 == 0b001, "acknowledge without its turnaround"


def test_tms_moves_the_state_and_bit_7_is_tdi() -> None:
    mpsse = engine()
    mpsse.raw(TO_SHIFT_DR + b"\x19\x07\x00" + bytes(8))
    got = mpsse.raw(b"\x6b\x02\x80" + b"\x6f\x02\x00" + b"\x28\x07\x00", 10)
    assert got[:2] == bytes(2)
    assert int.from_bytes(got[2:], "little") == 0b111 << 58, "three ones went in by TDI"


def test_seven_tms_bits_in_one_command() -> None:
    mpsse = engine()
    assert mpsse.raw(b"\x4b\x06\x5f" + b"\x4b\x01\x00" + b"\x28\x03\x00", 4) == ID.to_bytes(4, "little")


def test_pins_are_read_back() -> None:
    mpsse = engine()
    assert mpsse.raw(b"\x80\x50\x5b\x81", 1)[0] & 0xF0 == 0xF0
    assert mpsse.raw(b"\x80\x00\x5b\x81", 1)[0] & 0xF0 == 0xA0
    assert mpsse.raw(b"\x82\x05\x0f\x83", 1) == b"\xf5"


def test_tck_can_be_moved_by_hand() -> None:
    mpsse = engine()
    mpsse.raw(TO_SHIFT_DR)
    got = 0
    for bit in range(32):
        got |= (mpsse.raw(b"\x80\x00\x0b\x81\x80\x01\x0b", 1)[0] >> 2 & 1) << bit
    assert got == ID


def test_clocks_without_data() -> None:
    mpsse = engine()
    before = mpsse.wire.count
    mpsse.raw(b"\x8e\x04\x8f\x01\x00")
    assert mpsse.wire.count - before == 5 + 16
    mpsse.raw(TO_SHIFT_DR + b"\x8e\x03")
    assert mpsse.raw(b"\x28\x00\x00", 1) == bytes([ID >> 4 & 0xFF]), "they shift what TDI holds"


def test_conditional_clocks_stop_when_the_pin_is_there() -> None:
    mpsse = engine()
    before = mpsse.wire.count
    mpsse.raw(b"\x9c\x01\x00")  # GPIOL1 is pulled up: high already
    assert mpsse.wire.count == before
    mpsse.raw(b"\x9d\x01\x00")
    assert mpsse.wire.count == before + 16
    assert mpsse.raw(b"\x88\x94\x81", 1), "these wait for high"


def test_waiting_for_a_pin_that_never_comes_stops_everything() -> None:
    mpsse = engine()
    assert mpsse.raw(b"\x89\x81", 1) == b""


def test_adaptive_clocking_hangs_without_rtck() -> None:
    mpsse = engine()
    assert mpsse.raw(b"\x96\x28\x00\x00", 1) == b""
    mpsse.ftdi.set_bitmode(0, mpsse.ftdi.BitMode.RESET)
    mpsse.ftdi.set_bitmode(0, mpsse.ftdi.BitMode.MPSSE)
    assert mpsse.raw(b"\xaa", 2) == b"\xfa\xaa"


def test_loopback_joins_tdi_and_tdo() -> None:
    mpsse = engine()
    assert mpsse.raw(b"\x84\x39\x02\x00\x12\x34\x56\x31\x00\x00\xc1\x3b\x03\x05", 5) == b"\x12\x34\x56\xc1\x50"
    assert mpsse.raw(b"\x85" + TO_SHIFT_DR + b"\x39\x03\x00" + bytes(4), 4) == ID.to_bytes(4, "little")


@pytest.mark.parametrize(
    ("settings", "hz"),
    [
        (b"\x8a\x86\x00\x00", 30e6),
        (b"\x8a\x86\x1d\x00", 1e6),
        (b"\x8b\x86\x00\x00", 6e6),
        (b"\x8b\x86\x05\x00", 1e6),
        (b"\x8a\x86\x1d\x00\x8c", 1e6 * 2 / 3),
    ],
)
def test_clock_rates(settings: bytes, hz: float) -> None:
    mpsse = engine()
    board = mpsse.board
    mpsse.raw(settings)
    wire = mpsse.wire
    assert wire.hz == pytest.approx(hz)
    began = board.clock.horizon
    wire.tick(3000)
    wire.settle()
    assert board.clock.horizon - began == pytest.approx(3000 / hz * 1e12, rel=1e-6)


def test_a_command_may_be_cut_anywhere() -> None:
    mpsse = engine()
    for byte in TO_SHIFT_DR + b"\x39\x03\x00" + bytes(4) + b"\x87":
        mpsse.ftdi.write_data(bytes([byte]))
    assert bytes(mpsse.ftdi.read_data_bytes(4, 8)) == ID.to_bytes(4, "little")


# --- reset lines


@pytest.mark.parametrize(
    ("pin", "low", "high"), [("ad5", b"\x80\x08\x2b", b"\x80\x28\x2b"), ("ac1", b"\x82\x00\x02", b"\x82\x00\x00")]
)
def test_nsrst_resets_the_chip(pin: str, low: bytes, high: bytes) -> None:
    host = JtagHost(f"{BOARD},nrst={pin}")
    host.connect()
    host.ap_write(CSW, WORDS)
    board = host.board
    host.mpsse.raw(low)
    assert board.wire.nrst_low
    assert board.machine.in_reset
    assert host.dp_read(CTRL_STAT) & POWER_UP == POWER_UP, "the debug port is not reset"
    host.mpsse.raw(high)
    assert not board.wire.nrst_low
    board.machine.run_until_now()
    assert not board.machine.in_reset


def test_an_open_nsrst_pin_shows_the_chips_own_resets() -> None:
    host = JtagHost(BOARD + ",nrst=ad5")
    host.connect()
    host.ap_write(CSW, WORDS)
    assert host.mpsse.raw(b"\x81", 1)[0] & 0x20
    host.ap_write(TAR, 0xE000_ED0C)
    host.ap_write(DRW, 0x05FA_0004)
    host.board.machine.run_until_now()
    assert not host.mpsse.raw(b"\x81", 1)[0] & 0x20
    host.board.sleep(0.001)
    host.board.machine.run_until_now()
    assert host.mpsse.raw(b"\x81", 1)[0] & 0x20


def test_ntrst_resets_the_taps() -> None:
    mpsse = engine(",trst=ad4")
    mpsse.raw(b"\x80\x18\x1b" + TO_SHIFT_DR)
    mpsse.raw(b"\x80\x08\x1b\x80\x18\x1b")
    assert mpsse.raw(b"\x4b\x03\x02\x28\x03\x00", 4) == ID.to_bytes(4, "little")


# --- speed


@pytest.mark.parametrize("wire", ["jtag", "swd"])
def test_64_kib_in_under_five_seconds_of_wall_time(wire: str) -> None:
    """Blocks written and read with every acknowledge; about 0.3 s each way on a slow machine."""
    board = open_board(f"sim:stm32f103vg,probe=ft2232h,wire={wire}")
    host: Any = JtagHost(board, hz=10e6) if wire == "jtag" else SwdHost(board, hz=10e6)
    host.connect()
    host.ap_write(CSW, WORDS)
    host.ap_write(TAR, 0x2000_0000)
    data = bytes(range(251)) * 262
    words = [int.from_bytes(data[at : at + 4], "little") for at in range(0, 65536, 4)]
    began = time.process_time()
    for start in range(0, len(words), 256):
        host.ap_write(TAR, 0x2000_0000 + 4 * start)
        if wire == "jtag":
            host.ir(0b1011)
        write = _jtag_words(words[start : start + 256]) if wire == "jtag" else _swd_words(words[start : start + 256])
        host.mpsse.raw(write)
        host.mpsse.ftdi.read_data_bytes(4096, 1)
    spent = time.process_time() - began
    assert board.machine.bus.peek(0x2000_0000, 65536) == data[:65536]
    print(f"64 KiB over {wire}: {spent:.2f} s of processor time, {board.seconds:.3f} s of the board's")
    assert spent < 5


def _jtag_words(words: list[int]) -> bytes:
    """APACC scans of 36 bits with acknowledge and eight idle clocks."""
    out = bytearray()
    for word in words:
        bits = word << 3 | 0b110
        out += b"\x4b\x02\x01\x39\x03\x00" + (bits & 0xFFFF_FFFF).to_bytes(4, "little")
        out += b"\x1b\x02" + bytes([bits >> 32]) + b"\x4b\x02\x03\x19\x00\x00\x00"
    return bytes(out)


def _swd_words(words: list[int]) -> bytes:
    out = bytearray()
    for word in words:
        out += b"\x1b\x07\xbb\x2b\x04\x19\x03\x00" + word.to_bytes(4, "little")
        out += b"\x1b\x02" + bytes([word.bit_count() & 1])
    return bytes(out)
