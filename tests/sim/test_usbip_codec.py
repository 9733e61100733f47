"""The USB/IP codec: a byte at a time, against the protocol's own layout, and under arbitrary input."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.usbip_client import import_request, list_request, operation, submit, unlink

from haltpoint.sim.usbip import (
    MAX_TRANSFER,
    Decoder,
    DeviceRecord,
    Import,
    ListDevices,
    Malformed,
    Request,
    Submit,
    Unlink,
    device_list,
    import_reply,
    submit_reply,
    unlink_reply,
)

RECORD = DeviceRecord(
    path="/sys/devices/x/usb1/1-1",
    busid="1-1",
    busnum=1,
    devnum=2,
    speed=2,
    vendor=0x0483,
    product=0x374B,
    version=0x0100,
    code=(0xEF, 2, 1),
    configuration=1,
    interfaces=((0xFF, 0xFF, 0xFF), (8, 6, 0x50)),
)
SETUP = bytes.fromhex("8006000100001200")


def decoded(data: bytes, *, transfers: bool = False, step: int = 0) -> list[Request]:
    """All requests in ``data``, fed in pieces of ``step`` bytes (0: at once)."""
    decoder = Decoder()
    if transfers:
        decoder.carry_transfers()
    found: list[Request] = []
    size = step or len(data)
    for start in range(0, len(data), size):
        decoder.feed(data[start : start + size])
        while (request := decoder.next()) is not None:
            found.append(request)
            if isinstance(request, Malformed):
                return found
    return found


STREAM = (
    submit(1, 0x80, 18, setup=SETUP, devid=0x10002)
    + submit(2, 0x01, 16, bytes(range(16)), devid=0x10002)
    + submit(3, 0x81, 64, devid=0x10002)
    + unlink(4, 3, devid=0x10002)
)
REQUESTS: list[Request] = [
    Submit(1, 0x10002, 0x80, 18, SETUP, b""),
    Submit(2, 0x10002, 0x01, 16, bytes(8), bytes(range(16))),
    Submit(3, 0x10002, 0x81, 64, bytes(8), b""),
    Unlink(4, 0x10002, 3),
]


@pytest.mark.parametrize("step", [0, 1, 7, 48, 49])
def test_transfers_are_the_same_however_they_are_cut(step: int) -> None:
    assert decoded(STREAM, transfers=True, step=step) == REQUESTS


@pytest.mark.parametrize("step", [0, 1, 5])
def test_operations_are_the_same_however_they_are_cut(step: int) -> None:
    assert decoded(list_request() + import_request("1-1"), step=step) == [ListDevices(), Import("1-1")]


def test_bytes_after_an_import_are_transfers_once_the_server_says_so() -> None:
    decoder = Decoder()
    decoder.feed(import_request("1-1") + STREAM)
    assert decoder.next() == Import("1-1")
    decoder.carry_transfers()
    assert [decoder.next() for _ in REQUESTS] == REQUESTS
    assert decoder.next() is None


def test_an_incomplete_request_is_none() -> None:
    assert decoded(STREAM[:47], transfers=True) == []
    assert decoded(submit(2, 1, 16, bytes(15)), transfers=True) == []
    assert decoded(import_request("1-1")[:-1]) == []


@pytest.mark.parametrize(
    ("data", "transfers", "word"),
    [
        (operation(0x8005, version=0x0106), False, "0x0106"),
        (operation(0x8004), False, "0x8004"),
        (operation(0x0005), False, "0x0005"),
        (submit(1, 0, 0).replace(b"\0\0\0\1", b"\0\0\0\7", 1), True, "0x00000007"),
        (submit(1, 0x01, MAX_TRANSFER + 1), True, "bounds"),
        (submit(1, 0x81, 0xFFFFFFFF), True, "-1 bytes"),
        (bytes.fromhex("000000010000000100000000000000020000000100") + bytes(27), True, "direction 2"),
        (bytes.fromhex("000000010000000100000000000000000000001000") + bytes(27), True, "endpoint 16"),
    ],
)
def test_what_is_not_usbip_is_a_result_for_ever(data: bytes, transfers: bool, word: str) -> None:
    decoder = Decoder()
    if transfers:
        decoder.carry_transfers()
    decoder.feed(data)
    first = decoder.next()
    assert isinstance(first, Malformed)
    assert word in first.problem
    decoder.feed(STREAM)
    assert decoder.next() is first


@given(st.binary(max_size=400), st.booleans(), st.integers(1, 60))
def test_arbitrary_bytes_never_raise(data: bytes, transfers: bool, step: int) -> None:
    for request in decoded(data, transfers=transfers, step=step):
        assert isinstance(request, ListDevices | Import | Submit | Unlink | Malformed)


@given(st.integers(0, len(STREAM) - 1), st.integers(0, 255), st.integers(1, 60))
def test_a_damaged_byte_never_raises_and_never_gives_too_much(at: int, value: int, step: int) -> None:
    data = bytearray(STREAM)
    data[at] = value
    for request in decoded(bytes(data), transfers=True, step=step):
        assert not isinstance(request, Submit) or len(request.data) <= request.length <= MAX_TRANSFER


@given(st.text(max_size=40))
def test_any_bus_identifier_is_text(busid: str) -> None:
    payload = busid.encode()[:32].ljust(32, b"\0")
    (request,) = decoded(operation(0x8003, payload))
    assert isinstance(request, Import)


# --- replies, against the protocol's tables by hand


def test_the_device_list() -> None:
    reply = device_list([RECORD])
    assert reply[:12].hex() == "011100050000000000000001"
    assert reply[12:268].rstrip(b"\0") == b"/sys/devices/x/usb1/1-1"
    assert reply[268:300].rstrip(b"\0") == b"1-1"
    assert reply[300:324].hex() == "0000000100000002000000020483374b0100ef0201010102"
    assert reply[324:].hex() == "ffffff0008065000"


def test_import_replies() -> None:
    assert import_reply(None, 1).hex() == "0111000300000001"
    reply = import_reply(RECORD)
    assert reply[:8].hex() == "0111000300000000"
    assert len(reply) == 8 + 312


def test_transfer_replies() -> None:
    request = Submit(0x1234, 0x10002, 0x81, 64, bytes(8), b"")
    zeros = "00000000"
    assert submit_reply(request, 0, b"abc").hex() == (
        "0000000300001234" + 3 * zeros + zeros + "00000003" + 3 * zeros + 2 * zeros + b"abc".hex()
    )
    assert submit_reply(request, -32).hex()[40:48] == "ffffffe0"
    assert len(submit_reply(request, -32)) == 48
    out = Submit(1, 0x10002, 0x01, 16, bytes(8), bytes(16))
    assert submit_reply(out, 0, taken=16)[24:28].hex() == "00000010"
    assert len(submit_reply(out, 0, taken=16)) == 48
    assert unlink_reply(Unlink(5, 0x10002, 3), -104).hex() == "0000000400000005" + 3 * zeros + "ffffff98" + 6 * zeros
