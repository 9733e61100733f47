"""The pure parts of the FTDI driver: TAP table, command bytes, chains, packets, adapters, pins."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haltpoint.probes.debug_port import CTRL_STAT, RDBUFF, SELECT, Transaction
from haltpoint.probes.errors import LinkError, NoTargetError, UserError
from haltpoint.probes.ftdi.adapters import ADAPTERS, Adapter, Signal, adapter_named, load_adapter
from haltpoint.probes.ftdi.chain import (
    IDENTIFY_BITS,
    IDENTIFY_STREAM,
    IR_STREAM,
    Tap,
    ir_lengths,
    taps_of,
)
from haltpoint.probes.ftdi.jtag import Jtag
from haltpoint.probes.ftdi.mpsse import Stream, bits_of, divisor_for, frequency_of
from haltpoint.probes.ftdi.pins import Level, Pins
from haltpoint.probes.ftdi.sequences import DORMANT_TO_SWD, JTAG_TO_SWD, LINE_RESET, SWD_TO_JTAG
from haltpoint.probes.ftdi.swd import Swd, request
from haltpoint.probes.ftdi.tap import NEXT, RESET_CLOCKS, TapState, after, path
from haltpoint.probes.ftdi.wire import Ack, Entry

states = st.sampled_from(TapState)
CPU, BOUNDARY_SCAN = 0x3BA0_0477, 0x1641_0041


# ------------------------------------------------------------------------------------------ TAP
@given(start=states, goal=states)
def test_a_path_leads_to_its_goal(start: TapState, goal: TapState) -> None:
    value, count = path(start, goal)
    assert after(start, value, count) is goal
    assert count <= 8


@given(start=states)
def test_five_ones_reset_from_anywhere(start: TapState) -> None:
    assert after(start, 0b11111, RESET_CLOCKS) is TapState.TEST_LOGIC_RESET


def test_the_table_is_whole() -> None:
    assert set(NEXT) == set(TapState)
    reached = {state for pair in NEXT.values() for state in pair}
    assert reached == set(TapState)
    assert path(TapState.RUN_TEST_IDLE, TapState.SHIFT_DR) == (0b001, 3)
    assert path(TapState.RUN_TEST_IDLE, TapState.SHIFT_IR) == (0b0011, 4)


# ------------------------------------------------------------------------------------------ MPSSE
def test_command_bytes() -> None:
    stream = Stream()
    stream.plain()
    stream.clock(29)
    stream.pins(0x8C28, 0xFF3B)
    stream.bytes_out(b"\x01\x02\x03")
    assert stream.bits_both(0x05, 3) == 0
    assert stream.bytes_both(b"\xaa" * 4) == 1
    assert stream.bytes_in(4) == 5
    assert stream.bits_in(5) == 9
    stream.bits_out(0x01, 2)
    stream.tms(0b001, 3)
    assert stream.tms_both(0b011, 3, tdi=1) == 10
    stream.low_pins(0x1234, 0x5678)
    stream.high_pins(0x1234, 0x5678)
    assert stream.read_pins() == 11
    stream.loopback(on=True)
    assert stream.data.hex(" ", -1) == (
        "85 97 8d 8a 86 1d 00 80 28 3b 82 8c ff 19 02 00 01 02 03 3b 02 05 39 03 00 aa aa aa aa 28 03 00 2a 04 "
        "1b 01 01 4b 02 01 6b 02 83 80 34 78 82 12 56 81 84"
    )
    assert (stream.replies, stream.clocks) == (12, 24 + 3 + 32 + 32 + 5 + 2 + 3 + 3)


def test_sampling_at_the_falling_edge() -> None:
    stream = Stream(sample_falling=True)
    stream.bits_in(1)
    stream.bytes_in(1)
    stream.bits_both(0, 1)
    stream.bytes_both(b"\0")
    stream.tms_both(0, 1)
    assert stream.data.hex(" ") == "2e 00 2c 00 00 3f 00 00 3d 00 00 00 6f 00 00"


@given(value=st.integers(0, 2**80 - 1), count=st.integers(0, 80))
def test_any_number_of_bits_goes_out(value: int, count: int) -> None:
    stream = Stream()
    stream.out(value, count)
    assert stream.clocks == count
    assert stream.replies == 0


def test_tms_commands_never_have_seven_bits() -> None:
    stream = Stream()
    stream.tms((1 << 56) - 1, 56)
    assert stream.data[::3] == b"\x4b" * 10
    assert max(stream.data[1::3]) == 5


@pytest.mark.parametrize(
    ("hertz", "divisor"),
    [(30_000_000, 0), (40_000_000, 0), (10_000_000, 2), (4_000_000, 7), (1_000_000, 29), (1, 65535)],
)
def test_divisors(hertz: int, divisor: int) -> None:
    assert divisor_for(hertz) == divisor


@given(st.integers(500, 30_000_000))
def test_the_clock_is_never_faster_than_asked(hertz: int) -> None:
    assert frequency_of(divisor_for(hertz)) <= hertz


def test_bits_arrive_at_the_top() -> None:
    assert bits_of(0b0100_0000, 3) == 0b010


# ------------------------------------------------------------------------------------------ chains
def shifted(*registers: tuple[int, int], through: int = IDENTIFY_STREAM) -> int:
    """What comes out of registers (value, length), nearest to TDO first, while ``through`` goes in."""
    value = position = 0
    for content, length in registers:
        value |= content << position
        position += length
    return (value | through << position) & (1 << IDENTIFY_BITS) - 1


def test_the_chain_of_an_stm32() -> None:
    taps = taps_of(shifted((CPU, 32), (BOUNDARY_SCAN, 32)), "scan")
    assert taps == [Tap(CPU), Tap(BOUNDARY_SCAN)]
    assert (taps[0].is_debug_port, taps[1].dev_id) == (True, 0x410)
    # as captured by a real F103 after Test-Logic-Reset, and as it is on every later scan
    for captured in (0x011, 0x1F1):
        lengths = ir_lengths(taps, captured | IR_STREAM << 9, "scan")
        assert [tap.ir_length for tap in lengths] == [4, 5]
    assert [str(tap) for tap in taps] == ["Arm JTAG-DP 0x3BA00477", "STM32 boundary scan 0x16410041 (DEV_ID 0x410)"]


@given(st.lists(st.one_of(st.none(), st.integers(0, 2**31 - 2).map(lambda n: n << 1 | 1)), min_size=1, max_size=6))
def test_any_chain(idcodes: list[int | None]) -> None:
    registers = [(0, 1) if idcode is None else (idcode, 32) for idcode in idcodes]
    assert [tap.idcode for tap in taps_of(shifted(*registers), "scan")] == idcodes


@pytest.mark.parametrize(
    ("lengths", "captured"), [((4, 5, 8), 0b00000001_00001_0001), ((6, 4), 0b0001_000001), ((2, 3, 4), 0b0001_001_01)]
)
def test_lengths_are_told_by_what_is_captured(lengths: tuple[int, ...], captured: int) -> None:
    taps = [Tap(0x1234_5001 | n << 28) for n in range(len(lengths))]
    total = sum(lengths)
    found = ir_lengths(taps, captured | IR_STREAM << total, "scan")
    assert tuple(tap.ir_length for tap in found) == lengths


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (0, "TDO stays low"),
        ((1 << IDENTIFY_BITS) - 1, "TDO stays high"),
        (IDENTIFY_STREAM, "TDO repeats TDI"),
    ],
)
def test_what_is_wrong_with_the_wires(seen: int, words: str) -> None:
    with pytest.raises(NoTargetError, match=words):
        taps_of(seen, "Scanning the JTAG chain")


def test_damaged_and_ambiguous_chains_are_told() -> None:
    with pytest.raises(LinkError, match="lower speed"):
        taps_of(shifted((CPU, 32)) ^ 1 << 70, "scan")
    with pytest.raises(LinkError, match="do not pass on"):
        ir_lengths([Tap(CPU)], 0, "scan")
    with pytest.raises(LinkError, match="3 TAPs share 12"):
        ir_lengths([Tap(0x1111_1111), Tap(0x2222_2223), Tap(CPU)], 0b0001_0101_0001 | IR_STREAM << 12, "scan")


# ------------------------------------------------------------------------------------------ scans and packets
class Recorder:
    """Lines that answer as told and keep the last stream."""

    def __init__(self, reply: bytes = b"") -> None:
        self.reply = reply
        self.stream = Stream()

    def new_stream(self) -> Stream:
        return Stream()

    def exchange(self, stream: Stream) -> bytes:
        self.stream = stream
        return self.reply.ljust(stream.replies, b"\0")


def jtag_with(position: int, taps: list[Tap], reply: bytes = b"") -> tuple[Jtag, Recorder]:
    lines = Recorder(reply)
    jtag = Jtag(lines)
    jtag.taps, jtag._position = taps, position
    return jtag, lines


STM32 = [Tap(CPU, 4), Tap(BOUNDARY_SCAN, 5)]
READ_DRW = Transaction(ap=True, read=True, address=0xC)
WRITE_DRW = Transaction(ap=True, read=False, address=0xC, value=0x1234_5678)


def test_a_read_scan_byte_for_byte() -> None:
    jtag, lines = jtag_with(0, STM32, bytes.fromhex("40 78563412"))
    outcome = jtag.exchange([Entry(READ_DRW, 0, None)])[0]
    assert lines.stream.data.hex(" ") == (
        "4b 03 03 19 00 00 fb 4b 02 83 "  # IR: APACC, then five ones of BYPASS; the last goes with TMS
        "4b 02 01 3b 02 07 39 03 00 00 00 00 00 4b 05 03"
    )
    assert (outcome.ack, outcome.data) == (Ack.OK, 0x1234_5678)
    assert lines.stream.clocks == 15 + 44


def test_the_instruction_is_kept_until_it_changes() -> None:
    jtag, lines = jtag_with(0, STM32)
    jtag.exchange([Entry(WRITE_DRW, n, None) for n in range(100)])
    assert lines.stream.clocks == 15 + 44 * 100
    jtag.exchange([Entry(WRITE_DRW, 0, None)])
    assert lines.stream.clocks == 44
    assert lines.stream.data.hex(" ") == "4b 02 01 3b 02 06 19 03 00 78 56 34 12 4b 05 03"


def test_a_failed_exchange_forgets_the_instruction() -> None:
    jtag, lines = jtag_with(0, STM32)
    del lines.reply  # what is not there cannot be returned
    with pytest.raises(AttributeError, match="reply"):
        jtag.exchange([Entry(WRITE_DRW, 0, None)])
    assert jtag._instruction is None


def test_a_lone_debug_port_and_one_behind_others() -> None:
    jtag, lines = jtag_with(0, [Tap(CPU, 4)], bytes.fromhex("40 785634 24 08"))
    outcome = jtag.exchange([Entry(READ_DRW, 0, None)])[0]
    assert (outcome.ack, outcome.data) == (Ack.OK, 0x1234_5678 | (0x08 >> 2 & 1) << 31)
    assert lines.stream.data.hex(" ").endswith("4b 02 01 3b 02 07 39 02 00 00 00 00 3b 06 00 6b 05 03")
    assert lines.stream.clocks == 4 + 4 + 2 + 43
    jtag, lines = jtag_with(2, [Tap(None, 3), Tap(None, 6), Tap(CPU, 4), Tap(None, 2), Tap(None, 2)])
    jtag.exchange([Entry(WRITE_DRW, 0, None)])
    assert lines.stream.data.hex(" ").endswith("4b 02 01 1b 01 03 3b 02 06 19 03 00 78 56 34 12 1b 00 00 4b 05 03")
    assert lines.stream.data.hex(" ").startswith("4b 03 03 19 01 00 ff f7 4b 02 83")


def test_requests_as_in_the_captures() -> None:
    """Bytes that a real ST-LINK/V2 was seen to send."""
    assert request(ap=False, read=True, address=0) == 0xA5
    assert request(ap=False, read=False, address=0) == 0x81
    assert request(ap=False, read=True, address=4) == 0x8D
    assert request(ap=False, read=False, address=4) == 0xA9
    assert request(ap=False, read=False, address=8) == 0xB1
    assert request(ap=False, read=True, address=0xC) == 0xBD
    assert request(ap=True, read=False, address=0) == 0xA3
    assert request(ap=True, read=True, address=0xC) == 0x9F
    assert request(ap=True, read=False, address=4) == 0x8B
    assert request(ap=True, read=False, address=0xC) == 0xBB
    assert request(ap=False, read=False, address=0xC) == 0x99


def test_packets_byte_for_byte() -> None:
    lines = Recorder(bytes.fromhex("10 10"))
    swd = Swd(lines)
    outcomes = swd.exchange([Entry(WRITE_DRW, 0, None), Entry(WRITE_DRW, 1, None)])
    assert lines.stream.data.hex(" ") == (
        "1b 07 bb 2a 04 19 03 00 78 56 34 12 1b 01 01 1b 07 bb 2a 04 19 03 00 78 56 34 12 1b 00 01 19 00 00 00"
    )
    assert [(outcome.ack, outcome.seen) for outcome in outcomes] == [(Ack.OK, 1), (Ack.OK, 1)]
    assert lines.stream.clocks == 47 + 46 + 8
    lines.reply = bytes.fromhex("20 78563412 40")
    outcome = swd.exchange([Entry(READ_DRW, 0, None)])[0]
    assert lines.stream.data.hex(" ") == "1b 07 9f 2a 03 28 03 00 2a 01 19 00 00 00"
    assert (outcome.ack, outcome.data, outcome.intact) == (Ack.OK, 0x1234_5678, True)


@pytest.mark.parametrize(
    ("ack", "expected"), [(0b001, Ack.OK), (0b010, Ack.WAIT), (0b100, Ack.FAULT), (0b111, Ack.NONE), (0, Ack.NONE)]
)
def test_acknowledges(ack: int, expected: Ack) -> None:
    swd = Swd(Recorder(bytes([(ack << 1 | 1) << 4, 0, 0, 0, 0, 0])))
    assert swd.exchange([Entry(READ_DRW, 0, None)])[0].ack is expected
    swd = Swd(Recorder(bytes([(ack << 1 | 1) << 3])))
    assert swd.exchange([Entry(WRITE_DRW, 0, None)])[0].ack is expected


def test_wrong_parity_is_seen() -> None:
    swd = Swd(Recorder(bytes.fromhex("20 78563412 00")))
    assert not swd.exchange([Entry(READ_DRW, 0, None)])[0].intact


def test_what_follows_a_write_decides_its_idle_clocks() -> None:
    lines = Recorder()
    swd = Swd(lines)
    select = Transaction(ap=False, read=False, address=SELECT)
    flags = Transaction(ap=False, read=True, address=CTRL_STAT)
    collect = Transaction(ap=False, read=True, address=RDBUFF)
    for following, idle in ((WRITE_DRW, 1), (flags, 1), (READ_DRW, 14), (select, 14), (collect, 14)):
        swd.exchange([Entry(WRITE_DRW, 0, None), Entry(following, 1, None)])
        assert lines.stream.clocks == 46 + idle + 46 + 8


def test_journals() -> None:
    batch = [WRITE_DRW, READ_DRW, READ_DRW, WRITE_DRW]
    on_jtag = [(e.origin, e.delivers) for e in Jtag(Recorder()).journal(batch, 10)]
    assert on_jtag == [(10, None), (11, None), (12, 11), (13, 12), (None, None), (None, None), (None, -1)]
    on_swd = [(e.origin, e.delivers) for e in Swd(Recorder()).journal(batch, 10)]
    assert on_swd == [(10, None), (11, None), (12, 11), (None, 12), (13, None), (None, None), (None, -1)]


def test_switching_sequences() -> None:
    """IHI0031F B5.2: the values every host sends, and lengths that suffice."""
    assert (JTAG_TO_SWD[0] >> 56 & 0xFFFF, SWD_TO_JTAG[0] >> 56 & 0xFFFF) == (0xE79E, 0xE73C)
    for value, length in (LINE_RESET, JTAG_TO_SWD):
        assert value & (1 << 50) - 1 == (1 << 50) - 1
        assert value >> length - 2 == 0, "idle clocks before the first request"
    value, length = DORMANT_TO_SWD
    assert value.to_bytes(length // 8 + 1, "little").find(b"\xbc\xe3") == 7
    bits = f"{value:0{length}b}"[::-1]
    assert f"{0x49CF_9046_A9B4_A161_97F5_BBC7_4570_3D98:0128b}" in bits, "the alert as IHI0031F B5.3.4 writes it"


# ------------------------------------------------------------------------------------------ adapters
@pytest.mark.parametrize("adapter", ADAPTERS.values(), ids=lambda adapter: adapter.name)
def test_adapters_are_sound(adapter: Adapter) -> None:
    assert adapter.direction & 0xB == 0xB, "TCK, TDI and TMS are outputs"
    assert not adapter.direction & 4, "TDO is an input"
    assert not adapter.initial & ~adapter.direction & 0xFFFF or adapter.name == "steppenprobe"
    assert adapter.channel in {0, 1}
    for name, signal in adapter.signals.items():
        assert not (signal.data | signal.oe) & 0x7, name
        if signal.data and signal.data != signal.oe:
            assert signal.data & adapter.direction == signal.data, name
    if adapter.wire == "swd":
        assert "SWD_EN" in adapter.signals


def test_adapters_by_name() -> None:
    assert adapter_named("").name == "ft2232h"
    assert adapter_named("KT-Link").signals["SWD_EN"] == Signal(data=0x20, oe=0x2000, data_inverted=True)
    assert adapter_named("kt-link-swd").wire == "swd"
    assert adapter_named("ft2232h-swd").wire == "swd"
    assert adapter_named("ft2232h-jtag").wire == "jtag"
    with pytest.raises(UserError, match=r"nearest names are .*tumpa"):
        adapter_named("tumpas")
    with pytest.raises(UserError, match="SWD_EN"):
        adapter_named("jtagkey-swd")


@pytest.mark.parametrize(
    ("name", "signal", "level", "value", "direction"),
    [
        ("minimodule", "nSRST", Level.LOW, 0x0008, 0x002B),  # open drain: driven low,
        ("minimodule", "nSRST", Level.FLOATING, 0x0008, 0x000B),  # or an input
        ("tigard", "nSRST", Level.LOW, 0x0018, 0x003B),  # push-pull
        ("tigard", "nSRST", Level.FLOATING, 0x0038, 0x003B),
        ("jtagkey", "nSRST", Level.LOW, 0x0408, 0x0F1B),  # buffer with an active-low enable
        ("jtagkey", "nSRST", Level.FLOATING, 0x0C08, 0x0F1B),
        ("olimex-arm-usb-ocd-h", "nSRST", Level.LOW, 0x0B08, 0x0B1B),  # a transistor
        ("olimex-arm-usb-ocd-h", "nSRST", Level.FLOATING, 0x0908, 0x0B1B),
        ("icdi", "nSRST", Level.LOW, 0x0088, 0x00EB),
        ("kt-link", "SWD_EN", Level.HIGH, 0xAC08, 0xFF3B),
        ("kt-link", "SWDIO_OE", Level.LOW, 0x9C28, 0xFF3B),
        ("esp32-devkitj", "nSRST", Level.LOW, 0x0008, 0xF02B),
    ],
)
def test_signals_on_pins(name: str, signal: str, level: Level, value: int, direction: int) -> None:
    pins = Pins(adapter_named(name))
    pins.set(signal, level)
    assert (hex(pins.value), hex(pins.direction)) == (hex(value), hex(direction))


def test_a_buffer_is_turned_with_one_command() -> None:
    pins = Pins(adapter_named("steppenprobe-swd"))
    pins.set("SWDIO_OE", Level.HIGH)
    stream = Stream()
    pins.turn(stream, drive=False)
    pins.turn(stream, drive=False)
    assert stream.data.hex(" ") == "80 58 fb"


FILE = """
name = "my-board"
vid = 0x0403
pid = 0x6010
channel = 1
initial = 0x0028
direction = 0x002b
wire = "jtag"
[signals.nSRST]
data = 0x20
oe = 0x20
"""


def test_an_adapter_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "adapter.toml"
    file.write_text(FILE)
    adapter = load_adapter(file)
    assert (adapter.name, adapter.ids, adapter.channel) == ("my-board", ((0x403, 0x6010),), 1)
    assert adapter.signals == {"nSRST": Signal(0x20, 0x20)}


@pytest.mark.parametrize(
    ("before", "after_it", "words"),
    [
        ("channel = 1", "channel = 2", "'channel' has to be 0"),
        ("direction = 0x002b", "direction = 0x002f", "TDO"),
        ("vid = 0x0403", "", "'vid' has to be a number"),
        ("nSRST", "nRESET", "no signal 'nRESET'"),
        ("oe = 0x20", "oo = 1", "can have data"),
        ('wire = "jtag"', 'wire = "i2c"', "'wire' has to be"),
        ("name =", "nmae =", "no key 'nmae'"),
        ("[signals", "signals", "not TOML"),
    ],
)
def test_what_is_wrong_in_a_file(tmp_path: Path, before: str, after_it: str, words: str) -> None:
    file = tmp_path / "adapter.toml"
    file.write_text(FILE.replace(before, after_it, 1))
    with pytest.raises(UserError, match=words):
        load_adapter(file)
    with pytest.raises(UserError, match="No such file"):
        load_adapter(tmp_path / "none.toml")
