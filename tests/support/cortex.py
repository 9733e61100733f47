"""A bare machine for the processor tests: RAM, a flash without rules, and code where the tests put it."""

from __future__ import annotations

import struct
from collections.abc import Mapping

import pytest

from haltpoint.sim.bus import BusFault, Peripheral
from haltpoint.sim.clock import VirtualClock
from haltpoint.sim.engine import EngineMissingError
from support.thumb import Asm

try:
    from haltpoint.sim.machine import Machine
except EngineMissingError as missing:
    pytest.skip(str(missing), allow_module_level=True)

__all__ = [
    "AIRCR",
    "BFAR",
    "CCR",
    "CFSR",
    "CODE",
    "CPUID",
    "DCRDR",
    "DCRSR",
    "DEMCR",
    "DFSR",
    "DHCSR",
    "FLASH",
    "HFSR",
    "ICSR",
    "KEY",
    "MMFAR",
    "MS",
    "RAM",
    "SCR",
    "SHCSR",
    "STACK",
    "SYST",
    "VTOR",
    "Bench",
    "OpenFlash",
    "Scratch",
    "counting",
    "running",
]

FLASH = 0x0800_0000
CODE = FLASH + 0x200
RAM = 0x2000_0000
STACK = 0x2000_5000
MS = 1_000_000_000

SYST = 0xE000_E010
CPUID, ICSR, VTOR, AIRCR, SCR, CCR = (0xE000_ED00 + 4 * n for n in range(6))
SHCSR, CFSR, HFSR, DFSR, MMFAR, BFAR = (0xE000_ED24 + 4 * n for n in range(6))
DHCSR, DCRSR, DCRDR, DEMCR = (0xE000_EDF0 + 4 * n for n in range(4))
KEY = 0xA05F_0000


class OpenFlash:
    """A flash controller that writes at once, and can be made busy."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.busy = 0
        self.duration = 0
        self.log: list[tuple[int, int, int, int]] = []

    def flash_write(self, address: int, value: int, width: int) -> None:
        if width != 2:
            raise BusFault(address, "half-words only")
        self.log.append((self.machine.clock.now, address, value, width))
        self.machine.bus.patch(address, value.to_bytes(2, "little"))
        self.busy = self.machine.clock.now + self.duration

    def busy_until(self) -> int:
        return self.busy


class Scratch(Peripheral):
    """Four words in a shadow page; word 3 counts writes, word 2 forgets its upper half."""

    name = "scratch"
    base = 0x4000_1000
    size = 0x400
    shadow = True

    def __init__(self) -> None:
        self.writes: list[tuple[int, int, int]] = []

    def reset(self) -> None:
        for offset in range(0, 16, 4):
            self.publish(offset, 0)

    def write(self, offset: int, value: int, width: int) -> None:
        self.writes.append((offset, value, width))
        if offset == 8:
            self.publish(8, value & 0xFFFF)
        elif offset < 8:
            self.publish(offset, value)
        else:
            raise BusFault(self.base + offset, "refused")
        self.publish(12, len(self.writes))


class Bench:
    """A machine with code in flash, vectors and the usual debugger gestures."""

    def __init__(self, *, hz: int = 8_000_000, mpu_regions: int = 0) -> None:
        self.clock = VirtualClock()
        self.machine = Machine(self.clock, core_hz=hz, mpu_regions=mpu_regions)
        bus = self.machine.bus
        bus.add_ram("SRAM", RAM, 0x5000)
        self.flash = OpenFlash(self.machine)
        bus.add_flash("flash", FLASH, 0x1_0000, self.flash, aliases=(0,))
        self.scratch = Scratch()
        bus.add_peripheral(self.scratch)

    def program(self, code: Asm, vectors: Mapping[int, str | int] | None = None) -> Bench:
        """Put code and vectors into flash; a vector is a label or a number. The rest of the table is erased."""
        blob = code.assemble()
        self.machine.bus.patch(code.base, blob)
        table = {1: code.base | 1, **(vectors or {})}
        self.machine.bus.patch(FLASH, STACK.to_bytes(4, "little"))
        for number, target in table.items():
            value = code.labels[target] | 1 if isinstance(target, str) else target
            self.machine.bus.patch(FLASH + 4 * number, value.to_bytes(4, "little"))
        return self

    def start(self) -> Bench:
        self.machine.power_on()
        return self

    def run(self, cycles: int) -> Bench:
        self.clock.advance(cycles * 10**12 // self.machine.core.clockwork.hz)
        self.machine.run_until_now()
        return self

    def read(self, address: int) -> int:
        return self.machine.ap_read(address, 4)

    def write(self, address: int, value: int) -> None:
        self.machine.ap_write(address, value, 4)

    def dhcsr(self, bits: int) -> None:
        self.write(DHCSR, KEY | bits)

    def halt(self) -> Bench:
        self.dhcsr(3)
        self.read(DHCSR)
        return self

    def register(self, regsel: int) -> int:
        self.write(DCRSR, regsel)
        return self.read(DCRDR)

    def register_while_running(self, index: int) -> int:
        """Look into the model: no debugger could."""
        return self.machine.core.engine.read_registers()[index]

    def set_register_while_running(self, index: int, value: int) -> None:
        """Reach into the model: no debugger could."""
        registers = self.machine.core.engine.read_registers()
        registers[index] = value
        self.machine.core.set_registers(registers)

    def set_register(self, regsel: int, value: int) -> None:
        self.write(DCRDR, value)
        self.write(DCRSR, 1 << 16 | regsel)

    @property
    def pc(self) -> int:
        return self.machine.core.engine.pc

    def words(self, address: int, count: int) -> tuple[int, ...]:
        return struct.unpack(f"<{count}I", self.machine.bus.peek(address, 4 * count))

    def state(self) -> tuple[object, ...]:
        """Everything a program can see, to compare runs."""
        core = self.machine.core
        return (
            tuple(core.engine.read_registers()),
            core.cycle,
            core.exceptions.pending,
            core.exceptions.active,
            self.machine.bus.peek(RAM, 0x5000),
        )


def counting() -> Asm:
    """Return a loop that counts in R0."""
    return Asm(CODE).label("loop").adds(0, 1).b("loop")


def running(code: Asm | None = None) -> Bench:
    """Return a machine that has run for a while, its reset no longer news."""
    bench = Bench().program(code or counting()).start().run(100)
    bench.read(DHCSR)
    return bench.run(100)
