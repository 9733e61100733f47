"""The table of steps: what it is made of, and that it is taken back in reverse, whatever refuses."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from haltpoint.arm.memory import InlineExecutor, Memory
from haltpoint.flash.chips import chip_named
from haltpoint.flash.sanitize import Sanitizer
from haltpoint.flash.steps import Step
from haltpoint.flash.visit import default_steps
from haltpoint.probes.access import Access, Poll, Read, ReadCore, Result, Write, WriteCore
from haltpoint.probes.errors import AccessFaultError, ProbeGoneError
from haltpoint.probes.probe import ProbeInfo

FIRST = Step("FIRST", "plain bits", 0x100, clear=0x0F, set=0x10)
FLAGS = Step("FLAGS", "write one to clear", 0x104, set=0xFF, restore=False)
KEYED = Step("KEYED", "a key with every write", 0x108, clear=1, writable=1, key=0xA500, survives_reset=True)
SPECIAL = Step("SPECIAL", "a core register", 20, clear=0xFFFF_FFFF, set=1, core=True)
CLOCK = Step("CLOCK", "waits", 0x10C, set=1, wait=2, wait_value=2)
STEPS = (FIRST, FLAGS, KEYED, SPECIAL, CLOCK)


class Registers:
    """Words by address, core registers by number; remembers the order of writes; refuses what it is told to."""

    info = ProbeInfo("registers", "0", "0", "registers")

    def __init__(self) -> None:
        self.words = {0x100: 0xFF, 0x104: 0x33, 0x108: 0x7001, 0x10C: 0x80}
        self.core = {20: 0x0300_0000}
        self.written: list[tuple[int, int]] = []
        self.refuse: set[int] = set()
        self.gone = False

    def run(self, accesses: Sequence[Access]) -> list[Result]:
        if self.gone:
            raise ProbeGoneError("Talking to the probe", "it is gone")
        return [self.one(access) for access in accesses]

    def one(self, access: Access) -> Result:
        if isinstance(access, ReadCore):
            return tuple(self.core[number] for number in access.registers)
        if isinstance(access, WriteCore):
            self.core[access.register] = access.value
            self.written.append((access.register, access.value))
            return None
        assert isinstance(access, (Read, Write, Poll))
        if isinstance(access, Write):
            if access.address in self.refuse:
                raise AccessFaultError("Writing", "FAULT", address=access.address)
            self.words[access.address] = access.value
            self.written.append((access.address, access.value))
            return None
        return self.words[access.address]

    def voltage(self) -> float | None:
        return None

    def set_speed(self, khz: int) -> int:
        return khz

    def connect(self) -> None: ...

    def set_reset(self, asserted: bool) -> None: ...

    def close(self) -> None: ...


async def changed() -> tuple[Registers, Sanitizer]:
    registers = Registers()
    sanitizer = Sanitizer(Memory(registers, InlineExecutor()), STEPS)
    assert await sanitizer.save() == {"FIRST": 0xFF, "KEYED": 0x7001, "SPECIAL": 0x0300_0000, "CLOCK": 0x80}
    assert registers.written == []
    await sanitizer.change()
    assert registers.written == [(0x100, 0xF0), (0x104, 0xFF), (0x108, 0xA500), (20, 1), (0x10C, 0x81)]
    registers.written.clear()
    return registers, sanitizer


async def test_back_in_reverse_order() -> None:
    registers, sanitizer = await changed()
    await sanitizer.restore()
    assert registers.written == [(0x10C, 0x80), (20, 0x0300_0000), (0x108, 0xA501), (0x100, 0xFF)]
    registers.written.clear()
    await sanitizer.restore()
    assert registers.written == [], "only once"


async def test_after_a_reset_only_what_it_leaves_alone() -> None:
    registers, sanitizer = await changed()
    await sanitizer.restore(after_reset=True)
    assert registers.written == [(0x108, 0xA501)]


@pytest.mark.parametrize("refusing", [0x10C, 0x108, 0x100])
async def test_one_that_refuses_does_not_keep_the_others(refusing: int) -> None:
    registers, sanitizer = await changed()
    registers.refuse = {refusing}
    with pytest.raises(AccessFaultError):
        await sanitizer.restore()
    expected = {0x10C: 0x80, 20: 0x0300_0000, 0x108: 0xA501, 0x100: 0xFF}
    del expected[refusing]
    assert dict(registers.written) == expected


async def test_a_probe_that_is_gone_is_not_asked_again() -> None:
    registers, sanitizer = await changed()
    registers.gone = True
    with pytest.raises(ProbeGoneError):
        await sanitizer.restore()


async def test_what_needs_no_change_is_not_written() -> None:
    registers = Registers()
    registers.words[0x100] = 0x10
    sanitizer = Sanitizer(Memory(registers, InlineExecutor()), (FIRST,))
    await sanitizer.save()
    await sanitizer.change()
    await sanitizer.restore()
    assert registers.written == []


async def test_before_anything_was_changed_nothing_goes_back() -> None:
    registers = Registers()
    sanitizer = Sanitizer(Memory(registers, InlineExecutor()), STEPS)
    await sanitizer.restore()
    await sanitizer.save()
    await sanitizer.restore()
    assert registers.written == []


def test_the_table_for_a_chip() -> None:
    steps = default_steps(chip_named("STM32F103C8"))
    names = [step.name for step in steps]
    assert names[0] == "DHCSR", "interrupts are masked first and unmasked last"
    assert len(set(names)) == len(names)
    assert all(step.why for step in steps)
    assert {"DEMCR", "FP_CTRL", "VTOR", "MPU_CTRL", "SYST_CSR", "CFSR", "HFSR", "DFSR", "PRIMASK"} < set(names)
    assert {"DBGMCU_CR", "RCC_CR", "RCC_CFGR", "RCC_AHBENR", "RCC_APB1ENR"} < set(names)
