"""Packets: good and bad input as tables, and qSupported from the table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haltpoint.server.handlers import HANDLERS
from haltpoint.server.packets import breakpoints, flash, memory, queries, registers, resume, session_control, threads
from haltpoint.server.packets.base import Packet
from haltpoint.server.packets.breakpoints import PointType
from haltpoint.server.packets.resume import Action
from haltpoint.server.packets.table import PACKETS, Invalid, Unknown, features, parse

ALL = frozenset(PACKETS)

GOOD: dict[bytes, Packet] = {
    b"qSupported": session_control.Supported(frozenset()),
    b"qSupported:swbreak+;hwbreak+;xmlRegisters=i386": session_control.Supported(
        frozenset({"swbreak+", "hwbreak+", "xmlRegisters=i386"})
    ),
    b"QNonStop:0": session_control.SetNonStop(enable=False),
    b"QNonStop:1": session_control.SetNonStop(enable=True),
    b"vAttach;a410": session_control.Attach(0xA410),
    b"G0011": registers.WriteRegisters(b"\x00\x11"),
    b"p19": registers.ReadRegister(0x19),
    b"pf;thread:1;": registers.ReadRegister(15),
    b"Pf=59000008": registers.WriteRegister(15, b"\x59\0\0\x08"),
    b"mfffffffc,4": memory.ReadMemory(0xFFFFFFFC, 4),
    b"m0,0": memory.ReadMemory(0, 0),
    b"x20000000,1ffe": memory.ReadMemoryBinary(0x20000000, 0x1FFE),
    b"M20000000,2:beEF": memory.WriteMemory(0x20000000, b"\xbe\xef"),
    b"X20000000,0:": memory.WriteMemoryBinary(0x20000000, b""),
    b"X20000000,3:a:\x03": memory.WriteMemoryBinary(0x20000000, b"a:\x03"),
    b"Z0,20000100,2": breakpoints.InsertBreakpoint(PointType.SOFTWARE, 0x20000100, 2),
    b"Z1,80000fc,3": breakpoints.InsertBreakpoint(PointType.HARDWARE, 0x80000FC, 3),
    b"Z1,80000fc,3;X2,2201X1,27;cmds:1,X3,220127": breakpoints.InsertBreakpoint(
        PointType.HARDWARE, 0x80000FC, 3, (b"\x22\x01", b"\x27"), (b"\x22\x01\x27",)
    ),
    b"Z0,8000100,2;cmds:0,X1,27": breakpoints.InsertBreakpoint(PointType.SOFTWARE, 0x8000100, 2, (), (b"\x27",)),
    b"z4,20000000,1f": breakpoints.RemoveBreakpoint(PointType.ACCESS, 0x20000000, 31),
    b"vCont;c": resume.Resume(Action.CONTINUE),
    b"vCont;s:1;c": resume.Resume(Action.STEP),
    b"vCont;C0b:1;c": resume.Resume(Action.CONTINUE),
    b"vCont;S05:p1.1;c:p1.-1": resume.Resume(Action.STEP),
    b"vCont;s:2;c": resume.Resume(Action.CONTINUE),
    b"vCont;s:2": resume.Resume(None),
    b"vCont;r8000100,8000110:1": resume.Resume(Action.RANGE, (0x8000100, 0x8000110)),
    b"vCont;r8000100,8000110:2;c": resume.Resume(Action.CONTINUE),
    b"vCont;t:1": resume.Resume(Action.STOP),
    b"c": resume.ContinueAt(None),
    b"c8000000": resume.ContinueAt(0x8000000),
    b"s": resume.StepAt(None),
    b"C0b": resume.ContinueWithSignal(None),
    b"S05;8000000": resume.StepWithSignal(0x8000000),
    b"vFlashErase:08000000,0000c000": flash.FlashErase(0x8000000, 0xC000),
    b"vFlashWrite:8001fdd:\x00:,\x03": flash.FlashWrite(0x8001FDD, b"\x00:,\x03"),
    b"Hg0": threads.SelectThread(ours=True),
    b"Hc-1": threads.SelectThread(ours=True),
    b"Hgp0.0": threads.SelectThread(ours=True),
    b"Hg7": threads.SelectThread(ours=False),
    b"T1": threads.IsThreadAlive(ours=True),
    b"T2": threads.IsThreadAlive(ours=False),
    b"qXfer:features:read:target.xml:0,ffb": queries.ReadFeatures("target.xml", 0, 0xFFB),
    b"qXfer:memory-map:read::0,1000": queries.ReadMemoryMap("", 0, 0x1000),
    b"qXfer:threads:read::0,1000": queries.ReadThreads("", 0, 0x1000),
    b"qRcmd,72657365742068616c74": queries.MonitorCommand("reset halt"),
    b"qCRC:8000000,158": queries.Checksum(0x8000000, 0x158),
    b"qSearch:memory:20000000;5000;a;:b": memory.SearchMemory(0x20000000, 0x5000, b"a;:b"),
}

BY_NAME_ALONE: dict[bytes, type[Packet]] = {
    b"?": session_control.HaltReason,
    b"!": session_control.ExtendedMode,
    b"D": session_control.Detach,
    b"D;1": session_control.Detach,
    b"k": session_control.Kill,
    b"vKill;a410": session_control.KillProcess,
    b"vRun;": session_control.Run,
    b"R0": session_control.Restart,
    b"g": registers.ReadRegisters,
    b"vCont?": resume.ResumeActions,
    b"vFlashDone": flash.FlashDone,
    b"qC": threads.CurrentThread,
    b"qfThreadInfo": threads.FirstThreads,
    b"qsThreadInfo": threads.NextThreads,
    b"qAttached:1": queries.Attached,
    b"qSymbol::": queries.Symbol,
    b"QStartNoAckMode": session_control.StartNoAckMode,
}

UNKNOWN = (
    b"",
    b"vMustReplyEmpty",
    b"vContSupported",
    b"qTStatus",
    b"qCRCX",
    b"qOffsets",
    b"qL1200",
    b"QPassSignals:e;10",
    b"qXfer:auxv:read::0,1000",
    b"qXfer:features:write:target.xml:0:",
    b"vFile:setfs:0",
    b"jThreadsInfo",
    b"_M20,rw",
    b"QAllow:x",
    b"\x00\xff",
    b"y",
)

INVALID: dict[str, bytes] = {
    "m_no_length": b"m20000000",
    "m_no_address": b"m,4",
    "m_not_hex": b"mxyz,4",
    "m_negative": b"m-1,4",
    "m_underscore_is_not_hex": b"m1_0,4",
    "m_address_of_33_bits": b"m100000000,4",
    "m_huge_number": b"m" + b"f" * 100 + b",4",
    "M_short_data": b"M20000000,2:00",
    "M_odd_digits": b"M20000000,1:0",
    "M_white_space": b"M20000000,1:0 0",
    "M_not_ascii": b"M20000000,1:\xff\xff",
    "M_wraps": b"Mffffffff,2:0000",
    "X_no_colon": b"X20000000,1",
    "X_long_data": b"X20000000,1:ab",
    "X_zero_announced": b"X20000000,0:a",
    "p_nothing": b"p",
    "p_huge": b"p12345678",
    "P_no_value": b"Pf",
    "P_odd": b"Pf=123",
    "G_odd": b"G0",
    "Z_nothing": b"Z",
    "Z_no_kind": b"Z0,8000000",
    "Z_type_5": b"Z5,8000000,2",
    "Z_type_letter": b"Zx,8000000,2",
    "Z_short_condition": b"Z1,80000fc,3;X31,26",
    "Z_condition_without_X": b"Z1,80000fc,3;2,2201",
    "Z_commands_without_persist": b"Z1,80000fc,3;cmds:X1,27",
    "vCont_nothing": b"vCont",
    "vCont_unknown_action": b"vCont;q:1",
    "vCont_half_a_range": b"vCont;r8000000:1",
    "vCont_C_without_signal": b"vCont;C",
    "vCont_c_with_signal": b"vCont;c05",
    "vCont_bad_thread": b"vCont;c:zz",
    "C_no_signal": b"C",
    "c_bad_address": b"czz",
    "vFlashErase_missing_length": b"vFlashErase:8000000",
    "vFlashErase_wrong_address": b"vFlashErase:8zz0,400",
    "vFlashWrite_no_data_field": b"vFlashWrite:8000000",
    "H_without_op": b"H",
    "H_unknown_op": b"Hz1",
    "T_nothing": b"T",
    "QNonStop_2": b"QNonStop:2",
    "qXfer_no_offset": b"qXfer:features:read:target.xml",
    "qXfer_bad_offset": b"qXfer:features:read:target.xml:x,1",
    "qRcmd_odd": b"qRcmd,123",
    "qRcmd_not_utf8": b"qRcmd,ff",
    "vAttach_nothing": b"vAttach",
}


@pytest.mark.parametrize("data", GOOD, ids=repr)
def test_good_packet(data: bytes) -> None:
    assert parse(data, ALL) == GOOD[data]


@pytest.mark.parametrize("data", BY_NAME_ALONE, ids=repr)
def test_packet_that_is_its_name(data: bytes) -> None:
    assert type(parse(data, ALL)) is BY_NAME_ALONE[data]


@pytest.mark.parametrize("data", UNKNOWN, ids=repr)
def test_unknown_packet(data: bytes) -> None:
    assert isinstance(parse(data, ALL), Unknown)


@pytest.mark.parametrize("name", INVALID)
def test_invalid(name: str) -> None:
    parsed = parse(INVALID[name], ALL)
    assert isinstance(parsed, Invalid)
    assert parsed.why


def test_a_packet_of_a_missing_capability_is_unknown() -> None:
    assert isinstance(parse(b"vFlashDone", ALL - {"flash"}), Unknown)
    assert isinstance(parse(b"vFlashErase:zz", ALL - {"flash"}), Unknown)


def test_every_packet_has_a_handler() -> None:
    kinds = {kind for group in PACKETS.values() for kind in group.values()}
    assert set(HANDLERS) == kinds


def test_supported_features_come_from_the_table() -> None:
    said = features(ALL, 0x4000).split(";")
    assert said[0] == "PacketSize=4000"
    assert set(said[1:]) == {
        "QStartNoAckMode+",
        "QNonStop+",
        "qXfer:features:read+",
        "qXfer:memory-map:read+",
        "qXfer:threads:read+",
        "binary-upload+",
        "vContSupported+",
        "swbreak+",
        "hwbreak+",
        "ConditionalBreakpoints+",
        "BreakpointCommands+",
    }
    assert "qXfer:memory-map:read+" not in features(ALL - {"memory_map"}, 0x4000)


STARTS = st.sampled_from([name for group in PACKETS.values() for name in group])


@given(STARTS, st.binary(max_size=40))
def test_no_arguments_make_parse_raise(name: bytes, rest: bytes) -> None:
    parse(name + rest, ALL)


@given(st.binary(max_size=40))
def test_no_bytes_make_parse_raise(data: bytes) -> None:
    parse(data, ALL)
