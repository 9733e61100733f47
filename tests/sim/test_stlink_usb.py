"""The probe as a USB device, through real pyusb."""

from __future__ import annotations

import errno
from typing import Any

import pytest
import usb.core
import usb.util
from support.sim_client import Client, entered

from haltpoint.sim.board import open_board
from haltpoint.sim.errors import SimulationError

SHAPES = {
    "stlink-v2": (0x3748, 39, 1, "STM32 STLink", [(0x81, 64), (0x02, 64), (0x83, 64)], 100, (0, 0, 0)),
    "stlink-v2-1": (0x374B, 128, 4, "STM32 STLink", [(0x81, 64), (0x01, 64), (0x82, 32)], 100, (0xEF, 2, 1)),
    "stlink-v3": (0x374E, 128, 4, "STLINK-V3", [(0x81, 512), (0x01, 512), (0x82, 512)], 500, (0xEF, 2, 1)),
    "stlink-clone": (0x3748, 39, 1, "STM32 STLink", [(0x81, 64), (0x02, 64), (0x83, 64)], 100, (0, 0, 0)),
}


def find(options: str = "") -> Any:
    board = open_board(f"sim:stm32f103c8{options}")
    return usb.core.find(backend=board.backend, idVendor=0x0483)


@pytest.mark.parametrize("kind", SHAPES)
def test_descriptors_are_those_of_real_probes(kind: str) -> None:
    product, total, interfaces, name, endpoints, milliamps, code = SHAPES[kind]
    device = find(f",probe={kind}")
    assert (device.idVendor, device.idProduct, device.bcdDevice, device.bcdUSB) == (0x0483, product, 0x0100, 0x0200)
    assert (device.bDeviceClass, device.bDeviceSubClass, device.bDeviceProtocol) == code
    assert (device.manufacturer, device.product) == ("STMicroelectronics", name)
    configuration = device[0]
    assert (configuration.wTotalLength, configuration.bNumInterfaces) == (total, interfaces)
    assert configuration.bMaxPower * 2 == milliamps
    debug = configuration[0, 0]
    assert (debug.bInterfaceClass, debug.bInterfaceSubClass, debug.bInterfaceProtocol) == (0xFF, 0xFF, 0xFF)
    assert [(one.bEndpointAddress, one.wMaxPacketSize) for one in debug] == endpoints
    raw = bytes(device.ctrl_transfer(0x80, 6, 0x0200, 0, 512))
    assert len(raw) == total == int.from_bytes(raw[2:4], "little")


def test_the_serial_number_of_a_v2_1_is_text() -> None:
    raw = bytes(find().ctrl_transfer(0x80, 6, 0x0303, 0x0409, 255))
    assert len(raw) == raw[0] == 50
    assert find().serial_number == "0668FF323637414257071827"


def test_the_serial_number_of_a_clone_is_raw_bytes() -> None:
    device = find(",probe=stlink-clone")
    raw = bytes(device.ctrl_transfer(0x80, 6, 0x0303, 0x0409, 255))
    assert len(raw) == raw[0] == 26
    assert raw[2::2].hex().upper() == "553F6A06713F485123104187"
    assert len(device.serial_number) == 12


def test_a_serial_number_can_be_chosen() -> None:
    assert find(",serial=066DFF000000000000000001").serial_number == "066DFF000000000000000001"


def test_reading_less_than_is_sent_overflows_and_loses_the_packet() -> None:
    client = Client(open_board("sim:stm32f103c8"))
    client.device.write(1, b"\xf1".ljust(16, b"\0"))
    with pytest.raises(usb.core.USBError) as caught:
        client.device.read(0x81, 4)
    assert caught.value.errno == errno.EOVERFLOW
    assert client.command(0xF1, reply=6).hex() == "295a83044b37"


def test_a_read_with_nothing_to_come_times_out_in_virtual_time() -> None:
    client = Client(open_board("sim:stm32f103c8"))
    with pytest.raises(usb.core.USBTimeoutError) as caught:
        client.device.read(0x81, 64, 500)
    assert caught.value.errno == errno.ETIMEDOUT
    assert client.board.seconds == pytest.approx(0.5, abs=0.01)


def test_a_read_without_timeout_that_would_never_end_is_refused() -> None:
    client = Client(open_board("sim:stm32f103c8"))
    with pytest.raises(SimulationError, match="never come"):
        client.board.backend.bulk_read(_claimed(client), 0x81, 0, usb.util.create_buffer(64), 0)


def _claimed(client: Client) -> Any:
    handle = client.board.backend.open_device(client.board.probe)
    client.board.backend.claim_interface(handle, 0)
    return handle


def test_a_reply_of_full_packets_has_no_short_one_behind_it() -> None:
    client = entered()
    client.debug(0x07, 0, 0, 0, 0x20, 64, 0)
    before = client.board.seconds
    assert len(client.device.read(0x81, 64)) == 64
    assert client.board.seconds - before < 0.01
    client.debug(0x07, 0, 0, 0, 0x20, 64, 0)
    assert len(client.device.read(0x81, 128, 100)) == 64  # waits for more until the timeout, keeps what came


def test_a_command_of_another_length_stalls_until_cleared() -> None:
    client = Client(open_board("sim:stm32f103c8"))
    for _ in range(2):
        with pytest.raises(usb.core.USBError) as caught:
            client.device.write(1, b"\xf1" * 15)
        assert caught.value.errno == errno.EPIPE
    client.device.clear_halt(1)
    assert client.command(0xF1, reply=6)


def test_two_handles_cannot_hold_the_debug_interface() -> None:
    board = open_board("sim:stm32f103c8")
    first, second = Client(board), Client(board)
    first.command(0xF1, reply=6)
    with pytest.raises(usb.core.USBError) as caught:
        second.command(0xF1, reply=6)
    assert caught.value.errno == errno.EBUSY
    usb.util.dispose_resources(first.device)
    assert second.command(0xF1, reply=6)


def test_linux_drivers_hold_the_other_interfaces() -> None:
    device = find()
    assert [device.is_kernel_driver_active(number) for number in range(4)] == [False, True, True, True]
    with pytest.raises(usb.core.USBError) as caught:
        usb.util.claim_interface(device, 1)
    assert caught.value.errno == errno.EBUSY
    with pytest.raises(usb.core.USBError) as caught:
        device.set_configuration(1)
    assert caught.value.errno == errno.EBUSY
    device.detach_kernel_driver(1)
    usb.util.claim_interface(device, 1)


def test_no_permission() -> None:
    client = Client(open_board("sim:stm32f103c8"))
    client.board.probe.permitted = False
    with pytest.raises(usb.core.USBError) as caught:
        client.command(0xF1, reply=6)
    assert caught.value.errno == errno.EACCES


def test_unplug_and_plug_in_again() -> None:
    client = entered()
    client.write_register(0x2000_0000, 0x1234)
    client.board.unplug()
    assert usb.core.find(backend=client.board.backend) is None
    with pytest.raises(usb.core.USBError) as caught:
        client.command(0xF1, reply=6)
    assert caught.value.errno == errno.ENODEV
    client.board.plug()
    with pytest.raises(usb.core.USBError) as caught:
        client.command(0xF1, reply=6)  # the old handle is dead for good
    assert caught.value.errno == errno.ENODEV
    again = Client(client.board)
    assert again.device.address == 2
    assert again.command(0xF5, reply=2)[0] == 0  # the probe lost its power: boot loader
    assert again.enter() == 0x80
    assert again.read_register(0x2000_0000) == (0x80, 0x1234)


def test_every_transfer_is_counted() -> None:
    client = entered()
    client.board.stats.reset()
    client.read(0x2000_0000, 64)
    client.status()
    stats = client.board.stats
    assert (stats.bulk_out, stats.bulk_in, stats.bulk) == (2, 2, 4)
    assert (stats.bytes_out, stats.bytes_in) == (32, 76)


@pytest.mark.parametrize(
    ("knob", "number"), [("stall", errno.EPIPE), ("time_out", errno.ETIMEDOUT), ("unplug", errno.ENODEV)]
)
def test_fault_knobs_fire_at_the_nth_transfer(knob: str, number: int) -> None:
    client = entered()
    getattr(client.board.faults, knob)(3)
    client.read_register(0x2000_0000)
    with pytest.raises(usb.core.USBError) as caught:
        client.read_register(0x2000_0000)
    assert caught.value.errno == number
    assert client.board.faults.injected == 1


def test_a_short_packet_knob() -> None:
    client = entered()
    client.board.faults.short(2, keep=5)
    assert len(client.debug(0x36, 0, 0, 0, 0x20, reply=8)) == 5
    assert len(client.debug(0x36, 0, 0, 0, 0x20, reply=8)) == 8


@pytest.mark.parametrize(
    ("kind", "least", "most"), [("stlink-v2", 45, 56), ("stlink-v2-1", 92, 102), ("stlink-v3", 300, 600)]
)
def test_read_speed(kind: str, least: float, most: float) -> None:
    client = entered(f"probe={kind}")
    begin = client.board.seconds
    for _ in range(8):
        client.read(0x2000_0000, 6144)
        client.status()
    assert least < 48 / (client.board.seconds - begin) < most  # KiB/s


@pytest.mark.parametrize(("kind", "pair"), [("stlink-v2", 2.1e-3), ("stlink-v2-1", 1.0e-3), ("stlink-v3", 0.4e-3)])
def test_time_of_a_command_and_its_reply(kind: str, pair: float) -> None:
    client = entered(f"probe={kind}")
    begin = client.board.seconds
    client.read_register(0xE000_EDF0)
    assert client.board.seconds - begin == pytest.approx(pair, rel=0.1)
