"""FT2232H, FT4232H and FT232H on the bus: descriptors, status bytes, latency timer, FIFOs, SIO requests, knobs."""

from __future__ import annotations

from typing import Any, cast

import pytest
import usb.core
import usb.util
from pyftdi.ftdi import FtdiError
from pyftdi.jtag import JtagEngine
from support.ftdi_host import JtagHost, Mpsse, open_probe

from haltpoint.sim.board import Board, open_board
from haltpoint.sim.errors import SelectorError, SimulationError
from haltpoint.sim.ftdi.device import Ftdi

BOARD = "sim:stm32f103c8,probe=ft2232h,wire=jtag"
OUT, IN = 0x02, 0x81
READ_PINS = b"\x81"
RESET, SET_LATENCY, GET_LATENCY, SET_BITMODE, GET_PINS, READ_EEPROM = 0, 9, 10, 11, 12, 0x90


def plain(board: Board, interface: int = 0) -> Any:
    """The device as pyusb sees it, MPSSE switched on."""
    device = cast("Any", usb.core.find(backend=board.backend))
    usb.util.claim_interface(device, interface)
    sio(device, SET_BITMODE, 0x020B, interface)
    return device


def sio(device: Any, request: int, value: int = 0, interface: int = 0) -> None:
    device.ctrl_transfer(0x40, request, value, interface + 1)


def query(device: Any, request: int, length: int, value: int = 0, interface: int = 0) -> bytes:
    return bytes(device.ctrl_transfer(0xC0, request, value, interface + 1, length))


@pytest.mark.parametrize(
    ("kind", "product", "version", "total", "interfaces", "milliamps", "name"),
    [
        ("ft2232h", 0x6010, 0x0700, 0x37, 2, 500, "Dual RS232-HS"),
        ("ft4232h", 0x6011, 0x0800, 101, 4, 100, "Quad RS232-HS"),
        ("ft232h", 0x6014, 0x0900, 0x20, 1, 500, "Single RS232-HS"),
    ],
)
def test_descriptors_are_those_of_chips_without_eeprom(  # noqa: PLR0917 - a table's row
    kind: str, product: int, version: int, total: int, interfaces: int, milliamps: int, name: str
) -> None:
    device = cast("Any", usb.core.find(backend=open_board(f"sim:stm32f103c8,probe={kind}").backend))
    assert (device.idVendor, device.idProduct, device.bcdDevice) == (0x0403, product, version)
    assert (device.iManufacturer, device.iProduct, device.iSerialNumber) == (1, 2, 0)
    assert (device.manufacturer, device.product) == ("FTDI", name)
    configuration = device[0]
    assert (configuration.wTotalLength, configuration.bNumInterfaces) == (total, interfaces)
    assert (configuration.bmAttributes, 2 * configuration.bMaxPower) == (0x80, milliamps)
    for number in range(interfaces):
        ends = [(end.bEndpointAddress, end.wMaxPacketSize) for end in configuration[number, 0]]
        assert ends == [(0x81 + 2 * number, 512), (0x02 + 2 * number, 512)]


def test_a_serial_number_needs_an_eeprom() -> None:
    board = open_board(BOARD + ",serial=FT1ABCDE")
    device = cast("Any", usb.core.find(backend=board.backend))
    assert (device.iSerialNumber, device.serial_number) == (3, "FT1ABCDE")


def test_real_pyftdi_opens_and_its_jtag_engine_reads_the_idcodes() -> None:
    board = open_board(BOARD)
    engine = JtagEngine(frequency=1e6)
    engine.controller._ftdi = open_probe(board)
    engine.controller._resetting = False
    engine.reset()
    engine.change_state("shift_dr")
    assert [int(engine.read(32)), int(engine.read(32))] == [0x3BA0_0477, 0x1641_0041]


@pytest.mark.parametrize(("kind", "interface"), [("ft2232h", 2), ("ft4232h", 2), ("ft232h", 1)])
def test_every_mpsse_channel_can_be_wired(kind: str, interface: int) -> None:
    letter = " ab"[interface]
    board = open_board(f"sim:stm32f103c8,probe={kind},channel={letter}")
    mpsse = Mpsse(open_probe(board, interface=interface))
    mpsse.tms(10, 0b0010011111)
    mpsse.data(32, 0, read=True)
    assert mpsse.flush() == 0x3BA0_0477
    if kind != "ft232h":
        empty = Mpsse(open_probe(open_board(f"sim:stm32f103c8,probe={kind},channel={letter}"), interface=1))
        assert empty.raw(b"\xaa", 2) == b"\xfa\xaa", "the other channel has an MPSSE too, with nothing on its pins"


def test_the_ft4232h_has_no_mpsse_on_c_and_d() -> None:
    device = cast("Any", usb.core.find(backend=open_board("sim:stm32f103c8,probe=ft4232h").backend))
    with pytest.raises(usb.core.USBError):
        sio(device, SET_BITMODE, 0x020B, interface=2)


def test_two_status_bytes_head_every_packet() -> None:
    board = open_board(BOARD)
    device = plain(board)
    device.write(OUT, READ_PINS * 1100 + b"\x87")
    data = bytes(device.read(IN, 4096))
    assert len(data) == 1100 + 2 * 3
    assert data[0:2] == data[512:514] == data[1024:1026] == b"\x32\x60"


def test_a_uart_has_another_status() -> None:
    board = open_board(BOARD)
    device = cast("Any", usb.core.find(backend=board.backend))
    usb.util.claim_interface(device, 0)
    assert bytes(device.read(IN, 512)) == b"\x01\x60"


def test_the_latency_timer_sends_what_is_there_or_nothing() -> None:
    board = open_board(BOARD)
    device = plain(board)
    sio(device, SET_LATENCY, 40)
    assert query(device, GET_LATENCY, 1) == bytes([40])
    device.read(IN, 512)
    began = board.seconds
    device.write(OUT, READ_PINS)
    assert len(device.read(IN, 512)) == 3
    assert board.seconds - began == pytest.approx(0.040, abs=0.001)
    began = board.seconds
    assert len(device.read(IN, 512)) == 2, "nothing but the status, again after the timer"
    assert board.seconds - began == pytest.approx(0.040, abs=0.001)


def test_send_immediate_does_not_wait_for_the_timer() -> None:
    board = open_board(BOARD)
    device = plain(board)
    sio(device, SET_LATENCY, 200)
    began = board.seconds
    device.write(OUT, READ_PINS + b"\x87")
    assert len(device.read(IN, 512)) == 3
    assert board.seconds - began < 0.001


def test_a_read_shorter_than_the_timer_times_out() -> None:
    device = plain(open_board(BOARD))
    sio(device, SET_LATENCY, 255)
    device.read(IN, 512)
    with pytest.raises(usb.core.USBTimeoutError):
        device.read(IN, 512, 100)


@pytest.mark.parametrize(("kind", "fifo"), [("ft2232h", 4096), ("ft4232h", 2048), ("ft232h", 1024)])
def test_replies_that_nobody_reads_stop_the_engine_and_then_the_bus(kind: str, fifo: int) -> None:
    """Both FIFOs full: the host's write times out. Reading makes room, and nothing is lost of what was taken."""
    device = plain(open_board(f"sim:stm32f103c8,probe={kind}"))
    device.write(OUT, READ_PINS * fifo)
    device.write(OUT, READ_PINS * fifo)
    with pytest.raises(usb.core.USBTimeoutError):
        device.write(OUT, READ_PINS * 512)
    got = 0
    while (part := len(device.read(IN, 512)) - 2) > 0:
        got += part
    assert got == 2 * fifo


def test_a_shift_longer_than_the_fifo_goes_through_in_parts() -> None:
    board = open_board(BOARD)
    mpsse = Mpsse(open_probe(board))
    mpsse.ftdi.write_data(b"\x84\x39" + (4999).to_bytes(2, "little") + bytes(range(250)) * 20)
    assert bytes(mpsse.ftdi.read_data_bytes(5000, 8)) == bytes(range(250)) * 20


def test_purge_empties_one_direction() -> None:
    device = plain(open_board(BOARD))
    device.write(OUT, READ_PINS * 3)
    sio(device, RESET, 2)
    assert len(device.read(IN, 512)) == 2
    device.write(OUT, b"\x19\x09\x00\x00")  # a shift of ten bytes, one of them here
    sio(device, RESET, 1)
    device.write(OUT, bytes(9) + READ_PINS + b"\x87")
    assert len(device.read(IN, 512)) == 3


def test_other_requests() -> None:
    device = plain(open_board(BOARD))
    assert query(device, 5, 2) == b"\x32\x60"
    assert query(device, GET_PINS, 1) == b"\xff", "every pin is an input and pulled up"
    assert {query(device, READ_EEPROM, 2, interface=word) for word in range(2)} == {b"\xff\xff"}
    for request in (1, 2, 3, 4, 6, 7):
        sio(device, request, 0)
    with pytest.raises(usb.core.USBError):
        sio(device, 0x77)
    with pytest.raises(SimulationError, match="bit mode 0x01"):
        sio(device, SET_BITMODE, 0x01FF)


def test_leaving_mpsse_mode_lets_go_of_the_pins() -> None:
    board = open_board(BOARD + ",nrst=ad5")
    device = plain(board)
    device.write(OUT, b"\x80\x00\x2b")
    assert board.wire.nrst_low
    sio(device, SET_BITMODE, 0)
    assert not board.wire.nrst_low


# --- knobs


def test_knob_stall() -> None:
    board = open_board(BOARD)
    ftdi = open_probe(board)
    board.faults.stall(1)
    with pytest.raises(FtdiError):
        ftdi.write_data(READ_PINS)


def test_knob_short_packet_loses_what_was_cut_off() -> None:
    board = open_board(BOARD)
    mpsse = Mpsse(open_probe(board))
    board.faults.short(1, keep=4)
    mpsse.ftdi.write_data(READ_PINS * 10 + b"\x87")
    assert len(mpsse.ftdi.read_data_bytes(10, 3)) == 2


def test_knob_unplug_lets_go_of_the_pins() -> None:
    board = open_board(BOARD + ",nrst=ac1")
    mpsse = Mpsse(open_probe(board))
    mpsse.raw(b"\x82\x00\x02")
    assert board.wire.nrst_low
    board.faults.unplug(1)
    with pytest.raises(FtdiError):
        mpsse.raw(READ_PINS, 1)
    assert not board.wire.nrst_low
    board.plug()
    assert Mpsse(open_probe(board)).raw(READ_PINS, 1)


def test_knob_power_loss() -> None:
    host = JtagHost(BOARD)
    host.ids()
    host.board.faults.power_loss(1)
    assert host.ids() == (0xFFFF_FFFF, 0xFFFF_FFFF)


# --- selectors


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("probe=ft2232h,level=J28", "'level' is for an ST-Link"),
        ("wire=swd", "'wire' is for an FTDI chip"),
        ("probe=ft2232h,nrst=wired", "ad5"),
        ("nrst=ad5", "'nrst' can be wired, none, swim"),
        ("probe=ft4232h,nrst=ac0", "has no ACBUS"),
        ("probe=ft232h,channel=b", "no MPSSE on channel B"),
        ("probe=ft2232h,wire=jtag", "no JTAG"),
        ("probe=ft2232h,latency=x", "number of wire clocks"),
        ("probe=ft2232", "Did you mean 'ft2232h'"),
    ],
)
def test_selectors_are_strict(options: str, words: str) -> None:
    chip = "stm32g071rb" if "JTAG" in words else "stm32f103c8"
    with pytest.raises(SelectorError, match=words):
        open_board(f"sim:{chip},{options}")


def test_a_plain_module_has_no_reset_lines() -> None:
    board = open_board(BOARD)
    Mpsse(open_probe(board)).raw(b"\x80\x00\xfb\x82\x00\xff")
    assert not board.wire.nrst_low
    assert isinstance(board.probe, Ftdi)
