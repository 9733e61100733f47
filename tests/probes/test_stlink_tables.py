"""Versions, serial numbers, speeds, statuses: the tables and their decoders, against bytes seen in the field."""

from __future__ import annotations

import pytest

from haltpoint.probes.errors import (
    AccessFaultError,
    HaltpointError,
    LinkError,
    NoTargetError,
    ProbeProtocolError,
    TargetPowerError,
    WaitError,
)
from haltpoint.probes.stlink.firmware import Feature, Firmware, parse_version, parse_version_ex
from haltpoint.probes.stlink.identity import IDENTITIES
from haltpoint.probes.stlink.serial import decode_serial
from haltpoint.probes.stlink.speeds import SWD_DIVISORS, choose_speed, parse_speed_list
from haltpoint.probes.stlink.status import Attempt, Kind, error_for, status_of


def version_reply(hardware: int, high: int, low: int, product: int) -> bytes:
    return (hardware << 12 | high << 6 | low).to_bytes(2, "big") + bytes.fromhex("8304") + product.to_bytes(2, "little")


@pytest.mark.parametrize(
    ("reply", "text", "jtag"),
    [
        (bytes.fromhex("26c083044837"), "V2J27", 27),  # captured from an ST-Link/V2
        (version_reply(2, 17, 4, 0x3748), "V2J17S4", 17),
        (version_reply(2, 37, 26, 0x374B), "V2J37M26", 37),
        (version_reply(2, 37, 27, 0x3752), "V2J37M27", 37),
        (version_reply(2, 25, 14, 0x374B), "V2J25M14", 25),
        (version_reply(2, 37, 7, 0x374B), "V2M37S7", 0),  # STM8 firmware: M and S
        (version_reply(2, 22, 7, 0x374B), "V2M22S7", 0),
        (version_reply(2, 23, 7, 0x374B), "V2J23M7", 23),
        (version_reply(2, 37, 7, 0x3748), "V2J37S7", 37),  # never on a plain V2
    ],
)
def test_version(reply: bytes, text: str, jtag: int) -> None:
    firmware = parse_version(reply)
    assert str(firmware) == text
    assert firmware.jtag == jtag


def test_version_ex() -> None:
    firmware = parse_version_ex(bytes((3, 0, 7, 2, 1, 0, 0, 0)) + bytes.fromhex("83044f37"))
    assert firmware == Firmware(3, jtag=7, swim=0, mass_storage=2, bridge=1)
    assert str(firmware) == "V3J7M2B1"


@pytest.mark.parametrize(
    ("feature", "without", "with_"),
    [
        (Feature.TARGET_VOLTAGE, 12, 13),
        (Feature.RW_STATUS_2, 14, 15),
        (Feature.FPU_REGISTERS, 14, 15),
        (Feature.SWD_DIVISOR, 21, 22),
        (Feature.DAP_REGISTERS, 23, 24),
        (Feature.HALFWORDS, 25, 26),
        (Feature.AP_OPENING, 27, 28),
        (Feature.CLOSE_AP_STATUS, 28, 29),
        (Feature.RW_MISC, 31, 32),
    ],
)
def test_gates_of_v2(feature: Feature, without: int, with_: int) -> None:
    assert not Firmware(2, without).has(feature)
    assert Firmware(2, with_).has(feature)


def test_gates_of_v3() -> None:
    assert not Firmware(3, 1).has(Feature.RW_MISC)
    assert Firmware(3, 2).has(Feature.RW_MISC)
    assert Firmware(4, 2).has(Feature.RW_MISC), "V3PWR counts as V3"
    assert Firmware(3, 1).has(Feature.COM_FREQUENCY)
    assert not Firmware(3, 13).has(Feature.SWD_DIVISOR)
    assert not Firmware(2, 45).has(Feature.COM_FREQUENCY)
    assert not Firmware(3, 7).has(Feature.TRUE_FAULTS)
    assert Firmware(3, 10).has(Feature.TRUE_FAULTS)
    assert Firmware(2, 17).has(Feature.TRUE_FAULTS)


def test_old_firmware_is_worth_an_upgrade() -> None:
    assert Firmware(2, 17).outdated
    assert not Firmware(2, 24).outdated
    assert Firmware(3, 2).outdated
    assert not Firmware(3, 3).outdated


def text_descriptor(text: str) -> bytes:
    units = text.encode("utf-16-le")
    return bytes((2 + len(units), 3)) + units


@pytest.mark.parametrize(
    ("descriptor", "serial"),
    [
        (text_descriptor("0668FF323637414257071827"), "0668FF323637414257071827"),
        (text_descriptor("123456780000"), "313233343536373830303030"),
        (
            bytes((26, 3)) + b"".join(bytes((byte, 0)) for byte in bytes.fromhex("553F6A06713FAB80FF000D01")),
            "553F6A06713FAB80FF000D01",
        ),
        (b"", ""),
        (b"\x02\x03", ""),
        (b"\x32", ""),
        (b"\x32\x02" + b"A\0" * 24, ""),  # not a string descriptor
        (b"\x32\x03A\0B\0C", "AB"),  # torn
        (bytes((6, 3)) + b"A\0\xff\x01", "A?"),
    ],
)
def test_serial(descriptor: bytes, serial: str) -> None:
    assert decode_serial(descriptor) == serial


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [(100_000, 4000), (4000, 4000), (3999, 1800), (1800, 1800), (1000, 950), (6, 5), (5, 5), (1, 5), (0, 5)],
)
def test_speed_is_never_above_the_wanted_one(wanted: int, chosen: int) -> None:
    assert choose_speed(wanted, tuple(SWD_DIVISORS)) == chosen


def test_divisors_fall_with_speed() -> None:
    assert list(SWD_DIVISORS.values()) == sorted(SWD_DIVISORS.values())
    assert list(SWD_DIVISORS) == sorted(SWD_DIVISORS, reverse=True)


def test_speed_list() -> None:
    speeds = (24000, 8000, 3300, 1000, 200, 50, 5)
    words = b"".join(speed.to_bytes(4, "little") for speed in (*speeds, 0, 0, 0))
    reply = b"\x80\0\0\0" + (3300).to_bytes(4, "little") + len(speeds).to_bytes(4, "little") + words
    assert parse_speed_list(reply) == speeds
    assert parse_speed_list(reply[:12]) == ()
    assert parse_speed_list(reply[:8] + b"\xff\xff\xff\xff" + words) == speeds, "a silly count is capped"


def test_every_endpoint_and_packet() -> None:
    assert {i.out_endpoint for i in IDENTITIES.values()} == {0x01, 0x02}
    assert IDENTITIES[0x3748].out_endpoint == 0x02
    assert IDENTITIES[0x374B].out_endpoint == 0x01
    assert all(IDENTITIES[pid].packet == 512 for pid in (0x374D, 0x374E, 0x374F, 0x3753, 0x3754, 0x3755, 0x3757))
    assert all(IDENTITIES[pid].refusal for pid in (0x3744, 0x374D, 0x3755))


@pytest.mark.parametrize(
    ("code", "kind", "error"),
    [
        (0x01, Kind.FAULT, AccessFaultError),
        (0x11, Kind.FAULT, AccessFaultError),
        (0x15, Kind.FAULT, AccessFaultError),
        (0x18, Kind.FAULT, AccessFaultError),
        (0x19, Kind.FAULT, AccessFaultError),
        (0x1A, Kind.FAULT, AccessFaultError),
        (0x81, Kind.FAULT, AccessFaultError),
        (0x10, Kind.WAIT, WaitError),
        (0x14, Kind.WAIT, WaitError),
        (0x04, Kind.NO_TARGET, NoTargetError),
        (0x05, Kind.NO_TARGET, NoTargetError),
        (0x09, Kind.NO_TARGET, NoTargetError),
        (0x0B, Kind.POWER, TargetPowerError),
        (0x0C, Kind.GARBLED, LinkError),
        (0x0D, Kind.UNVERIFIED, LinkError),
        (0x12, Kind.LOST, NoTargetError),
        (0x16, Kind.LOST, NoTargetError),
        (0x13, Kind.GARBLED, LinkError),
        (0x17, Kind.GARBLED, LinkError),
        (0x1D, Kind.CLOSED_AP, LinkError),
        (0x02, Kind.PROBE, ProbeProtocolError),
        (0x0A, Kind.PROBE, ProbeProtocolError),
        (0x42, Kind.PROBE, ProbeProtocolError),
        (0xEE, Kind.PROBE, ProbeProtocolError),
    ],
)
def test_every_status_is_a_sentence(code: int, kind: Kind, error: type[HaltpointError]) -> None:
    raised = error_for(code, Attempt("Reading", 0x2000_0000, 4, 7), fault_address=0x2000_0002)
    assert status_of(code).kind is kind
    assert type(raised) is error
    text = str(raised)
    assert text.startswith("Reading 4 bytes at 0x20000000 failed: ")
    assert f"{code:#04x}" in text
    assert text.endswith(".")
    assert raised.advice
    if isinstance(raised, AccessFaultError):
        assert (raised.address, raised.index) == (0x2000_0002, 7)
        assert "0x20000002" in text


def test_parity_advises_a_lower_speed() -> None:
    assert "lower speed" in error_for(0x13, Attempt("Reading", 0, 4)).advice


def test_attempts_read_well() -> None:
    assert str(Attempt("Writing", 0x100, 1)) == "Writing 1 byte at 0x00000100"
    assert str(Attempt("Pulling NRST low")) == "Pulling NRST low"
    assert not Attempt("Pulling NRST low").on_bus
    assert isinstance(error_for(0x11, Attempt("Pulling NRST low")), ProbeProtocolError)
