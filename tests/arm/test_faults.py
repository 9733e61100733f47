"""Fault registers as sentences."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.fake_core import RAM, FakeCore

from haltpoint.arm.faults import Fault, causes, describe_fault, exception_name, fault_address, frame_address, read_fault
from haltpoint.arm.memory import InlineExecutor, Memory
from haltpoint.arm.registers_core import SNAPSHOT
from haltpoint.arm.stop import Stop, StopReason, classify


def stop(
    reason: StopReason = StopReason.VECTOR_CATCH,
    *,
    lr: int = 0xFFFFFFF9,
    xpsr: int = 0x01000003,
    cfsr: int = 0,
    hfsr: int = 0,
    mmfar: int = 0,
    bfar: int = 0,
) -> Stop:
    registers = dict.fromkeys(SNAPSHOT, 0) | {14: lr, 16: xpsr, 17: RAM + 0x100, 18: RAM + 0x200}
    return Stop(reason, 0x00030003, 9, registers, cfsr, hfsr, mmfar, bfar)


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        ({"cfsr": 1 << 0}, "MPU forbids executing"),
        ({"cfsr": 1 << 1 | 1 << 7, "mmfar": 0xDEAD0000}, "at 0xdead0000 violated the MPU"),
        ({"cfsr": 1 << 1, "mmfar": 0xDEAD0000}, "a load or store violated the MPU"),
        ({"cfsr": 1 << 3}, "unstacking"),
        ({"cfsr": 1 << 4}, "while stacking"),
        ({"cfsr": 1 << 5}, "lazily"),
        ({"cfsr": 1 << 8}, "fetching an instruction"),
        ({"cfsr": 1 << 9 | 1 << 15, "bfar": 0x60000000}, "at 0x60000000 got a bus error"),
        ({"cfsr": 1 << 10}, "some instructions ago"),
        ({"cfsr": 1 << 11}, "unstacking"),
        ({"cfsr": 1 << 12}, "stack has run out"),
        ({"cfsr": 1 << 13}, "lazily"),
        ({"cfsr": 1 << 16}, "undefined"),
        ({"cfsr": 1 << 17}, "Thumb state"),
        ({"cfsr": 1 << 18}, "exception return"),
        ({"cfsr": 1 << 19}, "coprocessor"),
        ({"cfsr": 1 << 20}, "below its limit"),
        ({"cfsr": 1 << 24}, "not aligned"),
        ({"cfsr": 1 << 25}, "division by zero"),
        ({"hfsr": 1 << 1}, "vector table"),
        ({"hfsr": 1 << 30}, "handler is disabled"),
        ({"hfsr": 1 << 31}, "without a debugger"),
    ],
)
def test_every_status_bit_has_its_words(faults: dict[str, Any], words: str) -> None:
    found = causes(replace(stop(), **faults))
    assert len(found) == 1
    assert words in found[0]


def test_addresses_only_where_valid() -> None:
    assert fault_address(stop(cfsr=1 << 9, bfar=0x60000000)) is None
    assert fault_address(stop(cfsr=1 << 15, bfar=0x60000000)) == 0x60000000
    assert fault_address(stop(cfsr=1 << 7, mmfar=0x60000004)) == 0x60000004


@pytest.mark.parametrize(
    ("lr", "xpsr", "frame"),
    [
        (0xFFFFFFF1, 0x01000003, RAM + 0x100),
        (0xFFFFFFF9, 0x01000003, RAM + 0x100),
        (0xFFFFFFFD, 0x01000003, RAM + 0x200),
        (0xFFFFFFED, 0x01000003, RAM + 0x200),
        (0xFFFFFFF9, 0x01000000, None),  # Thread mode: LR only looks like one
        (0x08000123, 0x01000003, None),
        (0xFFFFFFFF, 0x01000003, None),
    ],
)
def test_where_the_frame_lies(lr: int, xpsr: int, frame: int | None) -> None:
    assert frame_address(stop(lr=lr, xpsr=xpsr)) == frame


@pytest.mark.parametrize(
    ("number", "name"), [(0, "Thread mode"), (3, "HardFault"), (15, "SysTick"), (16, "IRQ 0"), (8, "exception 8")]
)
def test_exception_names(number: int, name: str) -> None:
    assert exception_name(number) == name


def memory() -> tuple[FakeCore, Memory]:
    fake = FakeCore()
    fake.connect()
    return fake, Memory(fake, InlineExecutor())


async def test_a_fault_is_read_with_its_stacked_pc() -> None:
    fake, reach = memory()
    fake.poke(RAM + 0x118, 0x08000124, 4)
    fault = await read_fault(reach, stop(cfsr=1 << 16, hfsr=1 << 30))
    assert fault.exception == "HardFault"
    assert fault.pc == 0x08000124
    assert str(fault).startswith("HardFault at pc 0x08000124: the instruction is undefined")
    assert await describe_fault(reach, stop(cfsr=1 << 16, hfsr=1 << 30)) == str(fault)


async def test_no_stacked_pc_where_stacking_failed_or_the_stack_is_nowhere() -> None:
    _, reach = memory()
    assert (await read_fault(reach, stop(cfsr=1 << 12))).pc is None
    nowhere = stop(cfsr=1 << 16)
    registers = {**nowhere.registers, 17: 0x60000000}
    assert (await read_fault(reach, Stop(nowhere.reason, 0, 9, registers, cfsr=1 << 16))).pc is None


async def test_lockup_is_called_by_its_name_and_other_stops_are_no_faults() -> None:
    _, reach = memory()
    assert (await describe_fault(reach, stop(StopReason.LOCKUP, lr=0))).startswith("Lockup: ")
    assert await describe_fault(reach, stop(StopReason.BREAKPOINT)) == ""
    assert str(Fault("NMI", (), None, None)) == "NMI: the fault registers name no cause."


@pytest.mark.parametrize(
    ("dfsr", "reason"),
    [
        (0x00, StopReason.STEP),
        (0x01, StopReason.STEP),
        (0x03, StopReason.BREAKPOINT),
        (0x05, StopReason.WATCHPOINT),
        (0x09, StopReason.VECTOR_CATCH),
        (0x10, StopReason.EXTERNAL),
        (0x1F, StopReason.VECTOR_CATCH),
    ],
)
def test_reasons(dfsr: int, reason: StopReason) -> None:
    assert classify(dfsr, StopReason.STEP) is reason
