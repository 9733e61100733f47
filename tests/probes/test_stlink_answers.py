"""The driver against answers that a well-behaved board never gives."""

from __future__ import annotations

import errno
import logging

import pytest
from support.scripted_stlink import SILENT, STALL, ScriptedStLink

from haltpoint.arm.adi import memory_probe
from haltpoint.probes.access import Access, Poll, Read, ReadBlock, ReadCore, Write, WriteBlock, WriteCore
from haltpoint.probes.discovery import UsbHost, open_probe
from haltpoint.probes.errors import (
    AccessFaultError,
    HaltpointError,
    LinkError,
    NoTargetError,
    PollTimeoutError,
    ProbeBusyError,
    ProbeError,
    ProbeGoneError,
    ProbePermissionError,
    ProbeProtocolError,
    ProbeTimeoutError,
    TargetPowerError,
    WaitError,
)
from haltpoint.probes.probe import Probe

OLD = (2, 17, 4)
ABORT_STICKY = "f246ffff00001e000000".ljust(32, "0")


def opened(device: ScriptedStLink) -> Probe:
    return memory_probe(open_probe("stlink", UsbHost(device, device.sleep)))


def connected(device: ScriptedStLink | None = None) -> tuple[ScriptedStLink, Probe]:
    device = device or ScriptedStLink()
    probe = opened(device)
    probe.connect()
    device.commands.clear()
    device.sleeps.clear()
    return device, probe


def old_clone() -> ScriptedStLink:
    return ScriptedStLink(0x3748, OLD)


# Opening and modes


@pytest.mark.parametrize(("mode", "leave"), [(0, ["f307"]), (1, []), (2, ["f221"]), (3, ["f401"]), (4, [])])
def test_any_mode_is_left_on_opening(mode: int, leave: list[str]) -> None:
    device = ScriptedStLink()
    device.mode = mode
    opened(device)
    codes = [code.hex()[:4] for code in device.commands]
    assert codes[0] == "f100"
    assert codes[1] == "f500"
    assert codes[2:] == leave


def test_stale_data_is_dropped_before_the_first_command() -> None:
    device = ScriptedStLink()
    device.stale.extend([bytes(64), bytes(12)])
    assert opened(device).info.firmware == "V2J37M26"
    assert device.resets == 0


def test_a_silent_probe_is_reset_once() -> None:
    device = ScriptedStLink()
    device.script(0xFF1, SILENT)
    assert opened(device).info.firmware == "V2J37M26"
    assert device.resets == 1
    assert device.sleeps == [1.0]


def test_a_dead_probe_is_given_up_after_one_reset() -> None:
    class Dead(ScriptedStLink):
        def _top_level(self, _code: bytes) -> bytes:
            return SILENT

    dead = Dead()
    with pytest.raises(ProbeTimeoutError, match="USB reset did not help") as raised:
        opened(dead)
    assert "plug it in again" in str(raised.value)
    assert dead.resets == 1


def test_v3_is_asked_for_its_long_version() -> None:
    device = ScriptedStLink(0x374E, (3, 7, 2))
    assert opened(device).info.firmware == "V3J7M2"
    assert opened(device).info.kind == "ST-Link/V3E"


def test_firmware_that_cannot_debug_is_told_with_the_upgrade() -> None:
    with pytest.raises(ProbeProtocolError, match=r"V2M37S7 can do SWIM only.*STSW-LINK007"):
        opened(ScriptedStLink(version=(2, 37, 7)))


def test_first_generation_firmware_is_refused() -> None:
    with pytest.raises(ProbeProtocolError, match="first generation"):
        opened(ScriptedStLink(version=(1, 13, 4)))


def test_old_firmware_is_warned_about(caplog: pytest.LogCaptureFixture) -> None:
    opened(old_clone())
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "V2J17S4" in caplog.text
    assert "STSW-LINK007" in caplog.text


# Connecting


def test_connect_under_reset_drives_nrst_before_and_after_enter() -> None:
    device = ScriptedStLink()
    probe = opened(device)
    probe.set_reset(asserted=True)
    device.commands.clear()
    probe.connect()
    wire = [name for name in device.names() if name in ("f230", "f23c")]
    assert wire == ["f23c", "f230", "f23c"]
    probe.close()
    assert [code.hex()[:6] for code in device.commands if code[1] == 0x3C][-1] == "f23c01", "released on closing"


def test_a_refused_nrst_before_connecting_is_no_error() -> None:
    device = ScriptedStLink()
    probe = opened(device)
    device.script(0x3C, 0x0E, 0x07)
    probe.set_reset(asserted=True)
    probe.connect()


def test_a_refused_nrst_afterwards_is() -> None:
    device, probe = connected()
    device.script(0x3C, 0x42)
    with pytest.raises(ProbeProtocolError, match="Pulling NRST low failed"):
        probe.set_reset(asserted=True)


@pytest.mark.parametrize("status", [0x01, 0x04, 0x05, 0x09, 0x10, 0x11, 0x12, 0x16, 0x1D])
def test_nobody_on_the_wire(status: int) -> None:
    for device in (ScriptedStLink(), old_clone()):
        probe = opened(device)
        device.script(0x30, status, status)
        with pytest.raises(NoTargetError, match="Connecting to the target by SWD failed") as raised:
            probe.connect()
        assert raised.value.advice


def test_the_other_mode_is_left_and_swd_entered_again() -> None:
    device = ScriptedStLink()
    probe = opened(device)
    device.script(0x30, 0x0E)
    device.commands.clear()
    probe.connect()
    assert [name for name in device.names() if name in ("f230", "f221")] == ["f230", "f221", "f230"]


def test_damaged_bits_while_connecting_advise_a_lower_speed() -> None:
    device = ScriptedStLink()
    probe = opened(device)
    device.script(0x30, 0x17)
    with pytest.raises(LinkError, match="lower speed"):
        probe.connect()


def test_no_supply_is_measured_and_named() -> None:
    device = ScriptedStLink()
    device.voltage = (1490, 62)
    probe = opened(device)
    with pytest.raises(TargetPowerError, match=r"0\.10 V"):
        probe.connect()
    assert "f230" not in device.names()


def test_an_unknown_supply_is_no_error() -> None:
    device = ScriptedStLink(0x3748, (2, 29, 7))
    device.voltage = (0, 0)
    probe = opened(device)
    assert probe.voltage() is None
    probe.connect()


def test_voltage() -> None:
    device = ScriptedStLink()
    device.voltage = (0x5D2, 0x7F4)
    assert opened(device).voltage() == pytest.approx(3.28, abs=0.01)
    assert opened(ScriptedStLink(0x3748, (2, 12, 4))).voltage() is None


def test_debug_power_refused() -> None:
    device = ScriptedStLink()
    probe = opened(device)
    device.script(0x30, 0x0B)
    with pytest.raises(TargetPowerError, match="power-up not acknowledged"):
        probe.connect()


def test_a_probe_that_does_not_enter_debug_mode() -> None:
    device = ScriptedStLink()
    probe = opened(device)
    device.script(0xFF5, b"\1\0", b"\1\0", b"\1\0")
    with pytest.raises(ProbeProtocolError, match="mode 1"):
        probe.connect()


def test_connecting_again_leaves_debug_mode_first() -> None:
    device, probe = connected()
    probe.connect()
    assert device.names()[:2] == ["f5", "f221"]


def test_cpuid_that_cannot_be_read_keeps_blocks_short() -> None:
    device = ScriptedStLink()
    probe = opened(device)
    device.script(0x36, 0x11)
    probe.connect()
    device.commands.clear()
    probe.run([ReadBlock(0x2000_0000, 2048)])
    assert device.names() == ["f207", "f23e"] * 2


@pytest.mark.parametrize(
    ("cpuid", "commands"), [(0x411F_C231, 1), (0x410F_C241, 1), (0x410C_C200, 4), (0x411F_C272, 4)]
)
def test_the_window_follows_the_core(cpuid: int, commands: int) -> None:
    device = ScriptedStLink()
    device.memory.update((0xE000_ED00 + n, byte) for n, byte in enumerate(cpuid.to_bytes(4, "little")))
    device, probe = connected(device)
    probe.run([WriteBlock(0x2000_0000, bytes(4096))])
    assert device.names().count("f208") == commands


def test_access_port_is_opened_where_the_firmware_wants_it() -> None:
    for version, expected in (((2, 27, 7), 0), ((2, 28, 7), 1)):
        device = ScriptedStLink(0x3748, version)
        opened(device).connect()
        assert device.names().count("f24b") == expected


# Speed


def test_v2_speed_is_a_divisor() -> None:
    device, probe = connected()
    assert probe.set_speed(1000) == 950
    assert device.commands[-1].hex()[:8] == "f2430300"


def test_old_firmware_has_one_speed() -> None:
    device, probe = connected(old_clone())
    assert probe.set_speed(100) == 1800
    assert device.commands == []


def test_v3_speed_is_what_the_probe_says() -> None:
    device = ScriptedStLink(0x374E, (3, 13, 5))
    table = b"\x80\0\0\0" + (3300).to_bytes(4, "little") + (3).to_bytes(4, "little")
    table += b"".join(khz.to_bytes(4, "little") for khz in (24000, 3300, 1000)) + bytes(28)
    device.script(0x62, table, table)
    device.script(0x61, b"\x80\0\0\0" + (3300).to_bytes(4, "little"), b"\x80\0\0\0" + (950).to_bytes(4, "little"))
    device, probe = connected(device)
    assert probe.set_speed(2000) == 950
    assert device.commands[-1].hex()[:16] == "f2610000e8030000"


def test_v3_without_speeds_is_an_error() -> None:
    with pytest.raises(ProbeProtocolError, match="no speed"):
        opened(ScriptedStLink(0x374E, (3, 13, 5))).set_speed(1000)


# WAIT


WAIT_LADDER = [0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128]


@pytest.mark.parametrize("status", [0x10, 0x14])
@pytest.mark.parametrize(
    ("access", "code"),
    [
        (Read(0x2000_0000), 0x36),
        (Write(0x2000_0000, 1), 0x35),
        (Read(0x2000_0000, 1), 0x3E),
        (Write(0x2000_0000, 1, 2), 0x3E),
        (ReadBlock(0x2000_0000, 64), 0x3E),
        (WriteBlock(0x2000_0000, bytes(64)), 0x3E),
        (ReadCore((0,)), 0x33),
        (ReadCore((0, 1)), 0x3A),
        (WriteCore(0, 1), 0x34),
        (Poll(0x2000_0000, 0, 0), 0x36),
    ],
)
def test_wait_is_repeated_after_growing_pauses_and_then_told(access: Access, code: int, status: int) -> None:
    device, probe = connected()
    device.script(code, *[status] * 8)
    probe.run([access])
    assert device.sleeps == WAIT_LADDER
    device.script(code, *[status] * 9)
    with pytest.raises(WaitError, match="WAIT") as raised:
        probe.run([access])
    assert device.sleeps == WAIT_LADDER * 2
    assert device.commands[-1][:10].hex() == "f246ffff00001f000000", "the stuck transfer is aborted"
    assert "connect" in raised.value.advice


def test_wait_in_a_list_is_repeated_from_there() -> None:
    device, probe = connected()
    device.script(0x51, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10, 0x80, 0x80, 0x10)
    accesses: list[Access] = [Write(0, 1), Write(4, 2), Read(0), Read(4)]
    assert probe.run(accesses) == [None, None, 1, 2]
    assert device.sleeps == [0.001, 0.001], "progress starts the pauses anew"


# FAULT


@pytest.mark.parametrize("status", [0x01, 0x11, 0x15, 0x18, 0x19, 0x1A, 0x81])
def test_fault_of_a_word(status: int) -> None:
    device, probe = connected()
    device.script(0x36, 0x80, status)
    with pytest.raises(AccessFaultError, match="Reading 4 bytes at 0x50000000 failed") as raised:
        probe.run([Read(0x2000_0000), Read(0x5000_0000)])
    assert (raised.value.address, raised.value.index) == (0x5000_0000, 1)
    assert device.commands[-1].hex() == ABORT_STICKY


def test_fault_of_a_block_has_the_address_the_probe_saw() -> None:
    device, probe = connected()
    device.script(0x3E, 0x80, b"\x11\0\0\0" + (0x2000_5008).to_bytes(4, "little") + bytes(4))
    with pytest.raises(AccessFaultError, match=r"Writing 64 bytes at 0x20004ff0 failed.*0x20005008") as raised:
        probe.run([WriteBlock(0x2000_4FF0, bytes(64))])
    assert raised.value.address == 0x2000_5008


def test_a_fault_address_from_elsewhere_is_not_believed() -> None:
    device, probe = connected()
    device.script(0x3E, 0x80, b"\x11\0\0\0" + (0x1234_5678).to_bytes(4, "little") + bytes(4))
    with pytest.raises(AccessFaultError) as raised:
        probe.run([ReadBlock(0x2000_4FF0, 64)])
    assert raised.value.address == 0x2000_5000, "where the second command began"


def test_a_fault_in_the_last_word_of_a_block_has_its_address() -> None:
    device, probe = connected()
    device.script(0x36, 0x11)
    with pytest.raises(AccessFaultError, match="Reading 20 bytes at 0x200013f0") as raised:
        probe.run([ReadBlock(0x2000_13F0, 20)])
    assert raised.value.address == 0x2000_1400


def test_fault_in_a_list_names_the_item() -> None:
    device, probe = connected()
    # items: access port, read, address, write, read
    device.script(0x51, 0x80, 0x80, 0x80, 0x11)
    with pytest.raises(AccessFaultError, match="Writing 4 bytes at 0x40000000") as raised:
        probe.run([Read(0x2000_0000), Write(0x4000_0000, 1), Read(0x2000_0000)])
    assert (raised.value.address, raised.value.index) == (0x4000_0000, 1)
    assert device.names() == ["f251", "f252", "f246"]
    assert device.commands[-1].hex() == ABORT_STICKY


def test_fault_on_old_firmware_enters_debug_mode_again() -> None:
    device, probe = connected(old_clone())
    device.script(0x36, 0x01)
    with pytest.raises(AccessFaultError):
        probe.run([Read(0x5000_0000)])
    assert device.names() == ["f236", "f221", "f230"]


def test_reset_stays_low_when_old_firmware_enters_again() -> None:
    device = old_clone()
    probe = opened(device)
    probe.set_reset(asserted=True)
    probe.connect()
    device.commands.clear()
    device.script(0x36, 0x01)
    with pytest.raises(AccessFaultError):
        probe.run([Read(0x5000_0000)])
    assert device.names() == ["f236", "f221", "f23c", "f230", "f23c"]


def test_before_j15_the_status_has_no_address() -> None:
    device, probe = connected(ScriptedStLink(0x3748, (2, 14, 4)))
    device.script(0x3B, 0x80, 0x01)
    with pytest.raises(AccessFaultError) as raised:
        probe.run([ReadBlock(0x2000_0000, 64), ReadBlock(0x5000_0000, 64)])
    assert (raised.value.address, raised.value.index) == (0x5000_0000, 1)
    assert "f23e" not in device.names()


def test_early_v3_says_fault_to_a_slow_access() -> None:
    speeds = b"\x80".ljust(8, b"\0") + (1).to_bytes(4, "little") + (3300).to_bytes(4, "little") + bytes(36)
    for level, believed in ((7, False), (10, True)):
        device = ScriptedStLink(0x374E, (3, level, 2))
        device.script(0x62, speeds)
        device, probe = connected(device)
        device.script(0x36, 0x11)
        if believed:
            with pytest.raises(AccessFaultError):
                probe.run([Read(0)])
        else:
            assert probe.run([Read(0)]) == [0]
            device.script(0x36, 0x11, 0x11)
            with pytest.raises(AccessFaultError):
                probe.run([Read(0)])


# Other statuses


def test_a_closed_access_port_is_opened_and_the_access_repeated_once() -> None:
    device, probe = connected()
    device.script(0x36, 0x1D)
    assert probe.run([Read(0)]) == [0]
    assert device.names() == ["f236", "f24b", "f236"]
    device.script(0x36, 0x1D, 0x1D)
    with pytest.raises(LinkError, match="access port"):
        probe.run([Read(0)])


def test_a_closed_access_port_in_a_list() -> None:
    device, probe = connected()
    device.script(0x51, 0x1D)
    assert probe.run([Read(0), Read(4), Read(8)]) == [0, 0, 0]
    assert device.names() == ["f251", "f252", "f24b", "f251", "f252"]


def test_lost_power_explains_a_lost_target() -> None:
    device, probe = connected()
    device.voltage = (1490, 30)
    device.script(0x36, 0x12)
    with pytest.raises(TargetPowerError, match=r"Reading 4 bytes at 0x00000000 failed: .*0\.05 V at the target"):
        probe.run([Read(0)])
    device.voltage = (1490, 2040)
    device.script(0x36, 0x12)
    with pytest.raises(NoTargetError, match="stopped answering"):
        probe.run([Read(0)])


@pytest.mark.parametrize(
    ("status", "error"), [(0x13, LinkError), (0x06, ProbeProtocolError), (0x99, ProbeProtocolError)]
)
def test_other_statuses_are_errors(status: int, error: type[HaltpointError]) -> None:
    device, probe = connected()
    device.script(0x3E, status)
    with pytest.raises(error, match=f"{status:#04x}"):
        probe.run([ReadBlock(0, 8)])


# Core registers


def test_a_register_that_cannot_hold_the_value_is_no_error() -> None:
    device, probe = connected()
    device.script(0x34, 0x0D)
    device.script(0x33, b"\x80\0\0\0\x00\x01\x00\x20")
    probe.run([WriteCore(15, 0x2000_0101)])
    device.script(0x34, 0x0D)
    device.script(0x33, b"\x80\0\0\0\x00\x01\x00\x20")
    with pytest.raises(LinkError, match=r"Writing core register pc failed.*verify"):
        probe.run([WriteCore(15, 0x2000_0201)])


def test_fpu_registers_by_hand_on_firmware_that_lacks_them() -> None:
    device, probe = connected(ScriptedStLink(0x3748, (2, 14, 4)))
    device.memory[0xE000_EDF2] = 1  # DHCSR.S_REGRDY
    device.memory[0xE000_EDF8] = 0x55
    assert probe.run([ReadCore((0x40,)), WriteCore(0x41, 7)]) == [(0x55,), None]
    assert [code.hex()[2:20] for code in device.commands if code[1] == 0x35] == [
        "35f4ed00e040000000",
        "35f8ed00e007000000",
        "35f4ed00e041000100",
    ]


def test_register_transfer_that_never_ends() -> None:
    device, probe = connected(ScriptedStLink(0x3748, (2, 14, 4)))
    with pytest.raises(PollTimeoutError):
        probe.run([ReadCore((0x40,))])
    assert sum(device.sleeps) == pytest.approx(0.1, abs=0.01)


# Old firmware and halfwords


def test_halfwords_on_old_firmware() -> None:
    device, probe = connected(old_clone())
    device.memory.update({0x2000_0002: 0x34, 0x2000_0003: 0x12})
    assert probe.run([Read(0x2000_0002, 2)]) == [0x1234]
    assert device.names() == ["f236"], "one access"
    with pytest.raises(ProbeProtocolError, match="V2J17S4 has no 16-bit accesses"):
        probe.run([Write(0x2000_0002, 1, 2)])


# Polling


def test_poll_backs_off_and_tells_the_last_word() -> None:
    device, probe = connected()
    device.memory[0x2000_0000] = 0x5A
    with pytest.raises(PollTimeoutError, match="0x0000005a") as raised:
        probe.run([Poll(0x2000_0000, 0xFF, 1, timeout=0.05)])
    assert (raised.value.address, raised.value.last) == (0x2000_0000, 0x5A)
    assert 0.05 <= sum(device.sleeps) < 0.06
    assert device.sleeps == sorted(device.sleeps)


def test_a_poll_in_a_list_goes_on_alone() -> None:
    device, probe = connected()
    ready = b"\x80\0\0\0\x01\0\0\0"
    device.script(0x36, b"\x80".ljust(8, b"\0"), ready)
    assert probe.run([Write(0, 0), Write(4, 0), Poll(8, 1, 1), Read(0)]) == [None, None, 1, 0]
    assert device.names() == ["f251", "f252", "f236", "f236", "f236"]


# Trouble on USB


def test_a_short_answer_is_an_error_and_the_step_is_found_again() -> None:
    device, probe = connected()
    device.script(0x36, b"\x80\0\0")
    with pytest.raises(ProbeProtocolError, match="3 bytes in place of 8"):
        probe.run([Read(0)])
    device.stale.append(b"\x80\0\0\0\xaa\xaa\xaa\xaa")
    device.memory[0] = 0x11
    assert probe.run([Read(0)]) == [0x11]


def test_a_late_answer_is_never_taken_for_another() -> None:
    device, probe = connected()
    device.script(0x36, SILENT)
    with pytest.raises(ProbeTimeoutError):
        probe.run([Read(0)])
    # It comes after the pipe was drained, together with the answer to the next command.
    device.script(0xFF1, b"\x80\0\0\0\xaa\xaa\xaa\xaa")
    device.memory[0] = 0x11
    assert probe.run([Read(0)]) == [0x11]


def test_a_probe_that_stays_out_of_step_is_reset() -> None:
    device, probe = connected()
    device.script(0x36, SILENT)
    with pytest.raises(ProbeTimeoutError):
        probe.run([Read(0)])
    device.script(0xFF1, *[b"\x80\0"] * 3)
    device.memory[0] = 0x11
    assert probe.run([Read(0)]) == [0x11]
    assert device.resets == 1


def test_a_stall_names_the_command() -> None:
    device, probe = connected()
    device.script(0x33, STALL)
    with pytest.raises(ProbeProtocolError, match=r"Sending READREG.*STALL.*firmware"):
        probe.run([ReadCore((20,))])
    assert probe.run([Read(0)]) == [0]


@pytest.mark.parametrize(
    ("number", "error", "word"),
    [
        (errno.EACCES, ProbePermissionError, "udev"),
        (errno.EBUSY, ProbeBusyError, "OpenOCD"),
        (errno.ENODEV, ProbeGoneError, "cable"),
        (errno.EIO, ProbeGoneError, "cable"),
        (errno.EPIPE, ProbeProtocolError, "STALL"),
        (errno.EOVERFLOW, ProbeProtocolError, "sent more"),
        (errno.ENOMEM, ProbeError, "USB error"),
    ],
)
def test_usb_errors_are_sentences(number: int, error: type[ProbeError], word: str) -> None:
    device, probe = connected()
    device.failure = number
    with pytest.raises(error, match=word) as raised:
        probe.run([Read(0)])
    assert type(raised.value).__mro__.index(error) <= 1
    assert raised.value.__cause__ is not None
    probe.close()


def test_the_udev_rule_names_this_probe() -> None:
    device = old_clone()
    device.failure = errno.EACCES
    with pytest.raises(ProbePermissionError, match=r'ATTR\{idProduct\}=="3748"'):
        opened(device)


# Closing


def test_close_shuts_the_access_port_and_leaves_debug_mode() -> None:
    device, probe = connected()
    probe.close()
    assert device.names() == ["f24c", "f221"]


def test_j28_answers_nonsense_to_a_close() -> None:
    device, probe = connected(ScriptedStLink(0x3748, (2, 28, 7)))
    device.script(0x4C, 0x1D)
    probe.close()
    assert device.names() == ["f24c", "f221"]


def test_close_before_connect_says_nothing() -> None:
    device = ScriptedStLink()
    probe = opened(device)
    device.commands.clear()
    probe.close()
    assert device.commands == []


# The log


def test_each_direction_has_its_line(caplog: pytest.LogCaptureFixture) -> None:
    _, probe = connected()
    with caplog.at_level(logging.DEBUG, "haltpoint.probes"):
        probe.run([Read(0x2000_0000)])
    assert [record.getMessage() for record in caplog.records] == [
        "> READDEBUGREG f2360000002000000000000000000000",
        "< READDEBUGREG 8000000000000000",
    ]


def test_the_log_is_silent_otherwise(caplog: pytest.LogCaptureFixture) -> None:
    _, probe = connected()
    with caplog.at_level(logging.INFO):
        probe.run([Read(0x2000_0000)])
    assert not caplog.records
