"""pyusb as a plain USB client of simulated probes: descriptors, timeouts, stalls, unplugging."""

import json
import sys
import textwrap
from collections.abc import Callable
from typing import Any

import pytest
from support.usbip_clients import Bench, wait_for

Simulate = Callable[..., Bench]

PREAMBLE = """
import array, errno, json, sys, time
import usb.core
device = usb.core.find(idVendor=0x0483)
out = {0x3748: 2}.get(device.idProduct, 1)
def command(*code):
    device.write(out, bytes(code).ljust(16, b"\\0"), 1000)
def refused(call):
    started = time.perf_counter()
    try:
        call()
    except usb.core.USBError as error:
        return [errno.errorcode[error.errno], time.perf_counter() - started]
    return ["", 0.0]
"""


def client(bench: Bench, script: str, name: str = "") -> Any:
    """Run a script after the preamble; what it printed as JSON."""
    text = PREAMBLE + textwrap.dedent(script)
    run = bench.run([sys.executable, "-c", text], name=name and f"pyusb: {name}").check()
    return json.loads(run.text)


@pytest.mark.parametrize(
    ("probe", "identity", "length", "endpoints"),
    [
        ("stlink-v2", (0x3748, "STM32 STLink"), 0x27, [[0x81, 64], [0x02, 64], [0x83, 64]]),
        ("stlink-v2-1", (0x374B, "STM32 STLink"), 0x80, [[0x81, 64], [0x01, 64], [0x82, 32]]),
        ("stlink-v3", (0x374E, "STLINK-V3"), 0x80, [[0x81, 512], [0x01, 512], [0x82, 512]]),
    ],
)
def test_descriptors(
    simulate: Simulate, probe: str, identity: tuple[int, str], length: int, endpoints: list[list[int]]
) -> None:
    """The numbers are those of real probes."""
    product, name = identity
    told = client(
        simulate(f"sim:stm32f103c8,probe={probe}"),
        """
        configuration = device.get_active_configuration()
        interface = configuration[0, 0]
        print(json.dumps({
            "ids": [device.idProduct, device.bcdUSB, device.bcdDevice, device.bMaxPacketSize0],
            "names": [device.manufacturer, device.product],
            "serial": device.serial_number,
            "configuration": [configuration.wTotalLength, configuration.bmAttributes],
            "class": [interface.bInterfaceClass, interface.bInterfaceSubClass, interface.bInterfaceProtocol],
            "endpoints": [[one.bEndpointAddress, one.wMaxPacketSize] for one in interface],
        }))
        """,
        f"descriptors, {probe}",
    )
    assert told["ids"] == [product, 0x0200, 0x0100, 64]
    assert told["names"] == ["STMicroelectronics", name]
    assert len(told["serial"]) in {12, 24}
    assert told["configuration"] == [length, 0x80]
    assert told["class"] == [0xFF, 0xFF, 0xFF]
    assert told["endpoints"] == endpoints


def test_serial_number_of_a_clone_is_raw_bytes(simulate: Simulate) -> None:
    told = client(
        simulate("sim:stm32f103c8,probe=stlink-clone"),
        """
        raw = device.ctrl_transfer(0x80, 6, 0x0300 | device.iSerialNumber, 0x0409, 255, 1000)
        print(json.dumps(list(raw)))
        """,
    )
    assert told[:2] == [26, 3], "old firmware hands out twelve bytes as twelve characters"


def test_a_read_times_out_when_it_says_so(simulate: Simulate) -> None:
    first, second, version = client(
        simulate(),
        """
        first = refused(lambda: device.read(0x81, 64, 50))
        second = refused(lambda: device.read(0x81, 64, 300))
        command(0xF1)
        print(json.dumps([first, second, list(device.read(0x81, 64, 1000))]))
        """,
        "two timeouts, GET_VERSION",
    )
    assert first[0] == second[0] == "ETIMEDOUT"
    assert 0.045 < first[1] < 5
    assert 0.29 < second[1] < 5
    assert version == [0x29, 0x5A, 0x83, 0x04, 0x4B, 0x37], "V2, J37, M26; the probe did not lose its place"


def test_stalls_end_with_clear_halt(simulate: Simulate) -> None:
    told = client(
        simulate("sim:stm32f103c8,quirks=stall-unknown"),
        """
        told = [refused(lambda: device.write(out, b"short", 1000))[0]]
        told.append(refused(lambda: device.write(out, bytes(16), 1000))[0])
        device.clear_halt(out)
        command(0xF2, 0xEE)
        told.append(refused(lambda: device.read(0x81, 64, 1000))[0])
        device.clear_halt(0x81)
        command(0xF5)
        told.append(len(device.read(0x81, 64, 1000)))
        print(json.dumps(told))
        """,
        "stalls",
    )
    assert told == ["EPIPE", "EPIPE", "EPIPE", 2]


def test_too_small_a_buffer_overflows_and_a_missing_endpoint_is_an_error(simulate: Simulate) -> None:
    told = client(
        simulate(),
        """
        command(0xF1)
        told = [refused(lambda: device.read(0x81, 4, 1000))[0]]
        interface = device.get_active_configuration()[0, 0]
        device._ctx.managed_claim_interface(device, interface)
        handle = device._ctx.handle
        data = array.array("B", b"x")
        told.append(refused(lambda: device._ctx.backend.bulk_write(handle, 0x07, 0, data, 1000))[0])
        print(json.dumps(told))
        """,
    )
    assert told == ["EOVERFLOW", "EIO"]


def test_unplugged_in_the_middle_of_a_read(simulate: Simulate) -> None:
    bench = simulate()
    script = """
        command(0xF1)
        device.read(0x81, 64, 1000)
        print("reading", flush=True)
        print("ended", *refused(lambda: device.read(0x81, 64, 30000)), flush=True)
        print("again", *refused(lambda: device.write(out, bytes(16), 1000)), flush=True)
    """
    with bench.starting([sys.executable, "-c", PREAMBLE + textwrap.dedent(script)]) as process:
        wait_for(process, "reading")
        assert bench.stop() == 0
        ended = wait_for(process, r"ended (\w+) ([0-9.]+)")
        assert ended[1] == "ENODEV"
        assert float(ended[2]) < 15
        assert wait_for(process, r"again (\w+)")[1] == "ENODEV"


def test_the_device_is_free_again_after_a_client_was_killed(simulate: Simulate) -> None:
    bench = simulate()
    script = """
        command(0xF3, 0x07)
        command(0xF2, 0x30, 0xA3)
        device.read(0x81, 64, 1000)
        command(0xF1)
        print("in debug mode", flush=True)
        time.sleep(60)
    """
    with bench.starting([sys.executable, "-c", PREAMBLE + textwrap.dedent(script)]) as process:
        wait_for(process, "in debug mode")
        process.kill()
    told = client(
        bench,
        """
        command(0xF5)
        print(json.dumps(list(device.read(0x81, 64, 1000))))
        """,
    )
    assert told[0] == 2, "what the dead client did not fetch is gone, and the probe is still in debug mode"
