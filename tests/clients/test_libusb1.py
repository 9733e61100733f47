"""python-libusb1 as a plain USB client of simulated probes: the asynchronous interface of libusb."""

import importlib.util
import json
import sys
import textwrap
from collections.abc import Callable
from typing import Any

import pytest
from support.usbip_clients import Bench, wait_for

Simulate = Callable[..., Bench]

pytestmark = pytest.mark.skipif(importlib.util.find_spec("usb1") is None, reason="python-libusb1 is not installed")

PREAMBLE = """
import json, time
import usb1
context = usb1.USBContext()
context.open()
handle = context.openByVendorIDAndProductID(0x0483, 0x374B)
handle.claimInterface(0)
def command(*code):
    return bytes(code).ljust(16, b"\\0")
def run_until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        context.handleEventsTimeout(0.1)
"""


def client(bench: Bench, script: str, name: str = "") -> Any:
    """Run a script after the preamble; what it printed as JSON."""
    text = PREAMBLE + textwrap.dedent(script)
    run = bench.run([sys.executable, "-c", text], name=name and f"libusb1: {name}").check()
    return json.loads(run.text)


def test_descriptors(simulate: Simulate) -> None:
    told = client(
        simulate(),
        """
        device = handle.getDevice()
        print(json.dumps([
            device.getProduct(), device.getManufacturer(), device.getSerialNumber(), device.getDeviceSpeed(),
            device.getMaxPacketSize(0x81), [setting.getNumEndpoints() for setting in device.iterSettings()],
        ]))
        """,
        "descriptors",
    )
    assert told == ["STM32 STLink", "STMicroelectronics", "0668FF323637414257071827", 2, 64, [3, 2, 1, 2]]


def test_errors_have_their_own_classes(simulate: Simulate) -> None:
    told = client(
        simulate(),
        """
        told = []
        for call in (
            lambda: handle.bulkRead(0x81, 64, timeout=50),
            lambda: handle.bulkWrite(1, b"short", timeout=1000),
            lambda: handle.bulkWrite(1, bytes(16), timeout=1000),
        ):
            try:
                call()
                told.append("")
            except usb1.USBError as error:
                told.append(type(error).__name__)
        handle.clearHalt(1)
        handle.bulkWrite(1, command(0xF1), timeout=1000)
        told.append(list(handle.bulkRead(0x81, 64, timeout=1000)))
        print(json.dumps(told))
        """,
        "timeout, stall, GET_VERSION",
    )
    assert told == ["USBErrorTimeout", "USBErrorPipe", "USBErrorPipe", [0x29, 0x5A, 0x83, 0x04, 0x4B, 0x37]]


def test_a_reply_may_be_asked_for_before_the_command(simulate: Simulate) -> None:
    """OpenOCD submits reply and command together."""
    told = client(
        simulate(),
        """
        replies = []
        for length in (64, 64):
            transfer = handle.getTransfer()
            transfer.setBulk(0x81, length, callback=lambda t: replies.append(list(t.getBuffer()[:t.getActualLength()])))
            transfer.submit()
        context.handleEventsTimeout(0.05)
        early = len(replies)
        for code in (0xF1, 0xF5):
            transfer = handle.getTransfer()
            transfer.setBulk(1, command(code))
            transfer.submit()
        run_until(lambda: len(replies) == 2)
        print(json.dumps([early, replies]))
        """,
        "replies before commands",
    )
    early, (version, mode) = told
    assert early == 0
    assert version[:2] == [0x29, 0x5A]
    assert len(mode) == 2


def test_cancelled_transfers_lose_nothing(simulate: Simulate) -> None:
    told = client(
        simulate(),
        """
        ended = []
        def submit():
            transfer = handle.getTransfer()
            transfer.setBulk(0x81, 64, callback=lambda t: ended.append([t.getStatus(), t.getActualLength()]))
            transfer.submit()
            return transfer
        first, second = submit(), submit()
        second.cancel()
        run_until(lambda: len(ended) == 1)
        handle.bulkWrite(1, command(0xF1), timeout=1000)
        run_until(lambda: len(ended) == 2)
        print(json.dumps([ended, usb1.TRANSFER_CANCELLED, usb1.TRANSFER_COMPLETED]))
        """,
        "cancel",
    )
    ended, cancelled, completed = told
    assert ended == [[cancelled, 0], [completed, 6]]


def test_unplugged_with_transfers_in_flight(simulate: Simulate) -> None:
    bench = simulate()
    script = """
        ended = []
        for _ in range(3):
            transfer = handle.getTransfer()
            transfer.setBulk(0x81, 64, callback=lambda t: ended.append(t.getStatus()))
            transfer.submit()
        print("submitted", flush=True)
        run_until(lambda: len(ended) == 3, 20)
        print("ended", len(ended), set(ended) == {usb1.TRANSFER_NO_DEVICE}, flush=True)
    """
    with bench.starting([sys.executable, "-c", PREAMBLE + textwrap.dedent(script)]) as process:
        wait_for(process, "submitted")
        assert bench.stop() == 0
        assert wait_for(process, r"ended (.*)")[1] == "3 True"
