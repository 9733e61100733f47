"""The loaders themselves, executed on a processor with a bare flash that wants to be erased, and whole units."""

from __future__ import annotations

import struct

import pytest
from support.cortex import DCRDR, DCRSR, DEMCR, DHCSR, KEY, MS
from support.flash_load import noise

from haltpoint.flash.chips import Chip, chip_named
from haltpoint.flash.layout import Layout, lay_out
from haltpoint.flash.memory_map import Region
from haltpoint.flash.plan import Draft, Plan
from haltpoint.flash.stream import Outcome, cut
from haltpoint.flash.survey import everything
from haltpoint.probes.access import Batch, Write, WriteBlock
from haltpoint.sim.bus import Peripheral
from haltpoint.sim.clock import VirtualClock
from haltpoint.sim.machine import Machine

WRITE, S_HALT = 1 << 16, 1 << 17
MSP, XPSR, PC = 17, 16, 15
RAM_SIZE = 64 * 1024


class Sink(Peripheral):
    """Takes everything; where the watchdogs are."""

    shadow = True

    def __init__(self, base: int) -> None:
        self.name, self.base, self.size = f"0x{base:08X}", base & ~0x3FF, 0x400
        self.writes: list[tuple[int, int]] = []

    def write(self, offset: int, value: int, width: int) -> None:
        del width
        self.writes.append((self.base + offset, value))


class Controller(Sink):
    """Erases when the start bit joins a word that chooses a sector; programs while the program word stands."""

    def __init__(self, chip: Chip, machine: Machine) -> None:
        super().__init__(chip.family.base)
        self.chip, self.machine = chip, machine
        self.controls = dict.fromkeys((c.control for c in chip.family.controllers), 0)
        self.sectors = {}
        for region in chip.flash:
            for start in region.sectors(region.start, region.end):
                sector = region.sector(start)
                key = chip.family.controller(sector.bank).control, chip.family.erase_word(sector)
                self.sectors[key] = sector
        self.unit: list[tuple[int, int]] = []
        self.errors: list[str] = []

    def write(self, offset: int, value: int, width: int) -> None:
        address = self.base + offset
        assert width == 4
        if address not in self.controls:
            self.errors.append(f"write of 0x{value:08X} to 0x{address:08X}")
            return
        before, self.controls[address] = self.controls[address], value
        started = value & ~before & self.chip.family.start
        if started:
            sector = self.sectors[address, before]
            self.machine.bus.patch(sector.start, b"\xff" * sector.size)

    def flash_write(self, address: int, value: int, width: int) -> None:
        family = self.chip.family
        control = self.controls[family.controller(self.chip.sector(address).bank).control]
        if not family.erased and control == family.erase_word(self.chip.sector(address)):
            sector = self.chip.sector(address)
            self.machine.bus.patch(sector.start, bytes(sector.size))
            return
        if control != family.program_word:
            self.errors.append(f"store to 0x{address:08X} with control 0x{control:08X}")
        self.unit.append((address, width))
        length = sum(w for _, w in self.unit)
        first = self.unit[0][0]
        if address != first + length - width:
            self.errors.append(f"store to 0x{address:08X} in the unit of 0x{first:08X}")
        if length == family.program_unit:
            if first % length:
                self.errors.append(f"unit at 0x{first:08X}")
            self.unit = []
        if self.machine.bus.peek(address, width) != bytes([family.erased]) * width:
            self.errors.append(f"0x{address:08X} was not erased")
        self.machine.bus.patch(address, value.to_bytes(width, "little"))

    def busy_until(self) -> int:
        return 0


def build(chip: Chip) -> tuple[Machine, Controller]:
    machine = Machine(VirtualClock(), "cortex-m0+" if chip.name[5:7] in {"G0", "L0"} else "cortex-m4", 16_000_000)
    controller = Controller(chip, machine)
    machine.bus.add_ram("RAM", 0x2000_0000, RAM_SIZE)
    for start, size in chip.banks:
        machine.bus.add_flash("flash", start, size, controller)
    machine.bus.add_peripheral(controller)
    for base in {chip.family.watchdog_key & ~0x3FF, chip.family.window_watchdog & ~0x3FF} - {0}:
        machine.bus.add_peripheral(Sink(base))
    return machine, controller


def put(machine: Machine, batch: Batch) -> None:
    for access in batch.accesses:
        assert isinstance(access, (Write, WriteBlock))
        data = access.data if isinstance(access, WriteBlock) else struct.pack("<I", access.value)
        machine.ap_write_words(access.address, data.ljust(-(-len(data) // 4) * 4, b"\0"))


def run(machine: Machine, layout: Layout) -> Outcome:
    for register, value in ((MSP, layout.stack_top), (XPSR, 1 << 24), (PC, layout.entry)):
        machine.ap_write(DCRDR, value, 4)
        machine.ap_write(DCRSR, WRITE | register, 4)
    machine.ap_write(DHCSR, KEY | 1, 4)
    for _ in range(3000):
        machine.clock.advance(MS)
        if machine.ap_read(DHCSR, 4) & S_HALT:
            break
    machine.ap_write(DCRSR, PC, 4)
    assert machine.ap_read(DCRDR, 4) == layout.done
    return Outcome(machine.ap_read(layout.progress, 4) >> 24)


CHIPS = {
    "STM32L476RE": 3.3,
    "STM32G0B1RE": 3.3,
    "STM32WB55CC": 3.3,
    "STM32G474CB": 3.3,
    "STM32F429ZG": 3.3,
    "STM32F746ZE": 2.0,
    "STM32F767VG": 3.3,
    "STM32H743VG": 3.3,
    "STM32H7A3VG": 3.3,
    "STM32L051C8": 3.3,
    "STM32L152RE": 3.3,
    "STM32L552CE": 3.3,
    "STM32U575AG": 3.3,
}


@pytest.mark.parametrize("name", CHIPS)
def test_the_loader_does_what_the_stream_says(name: str) -> None:
    chip = chip_named(name).at(CHIPS[name])
    family, first, last = chip.family, chip.flash[0], chip.flash[-1]
    machine, controller = build(chip)
    old = noise(min(first.sector_size, 4096), seed=5)
    for region in chip.flash:
        machine.bus.patch(region.start, bytes([family.erased]) * region.size)
    machine.bus.patch(first.start, old)
    draft = Draft(chip.flash, family.erased, family.program_unit)
    gaps = noise(1001) + b"\xff" * 640 + bytes(640) + noise(333, seed=2)
    edits = [(first.start + 77, gaps), (last.end - 2001, noise(2001, seed=3))]
    for address, data in edits:
        draft.write(address, data)
    for address, length in draft.edges():
        draft.keep(address, machine.bus.peek(address, length))
    found = everything(draft.plan())
    filled = found.filled({address: machine.bus.peek(address, length) for address, length in found.unread})
    layout = lay_out(Region("ram", "RAM", 0x2000_0000, RAM_SIZE), family.loader)
    plan = Plan(filled, draft.bytes_written)
    pieces = cut(plan, family, layout.payload)
    assert len(pieces) <= layout.slots, "all of it fits the ring: nobody feeds the loader here"
    machine.power_on()
    machine.ap_write(DHCSR, KEY | 3, 4)
    machine.ap_write(DEMCR, 0x7F1, 4)
    batch = Batch()
    batch.write_block(layout.code, layout.image(family, len(pieces)))
    for index, piece in enumerate(pieces):
        layout.fill(batch, index, piece.data)
    put(machine, batch)
    assert run(machine, layout) is Outcome.DONE
    assert controller.errors == []
    assert not any(controller.controls.values()), "nothing stays prepared"
    for sector in plan.sectors:
        assert machine.bus.peek(sector.start, len(sector.content)) == sector.content, hex(sector.start)
