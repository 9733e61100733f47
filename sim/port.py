"""The core's side of the bus: what its loads and stores meet when plain memory does not serve them.

Stores to flash, ROM and shadow registers are carried out right after their instruction, at its cycle, by whoever
judges them (the engine has no way to refuse or change one); the content they overwrote is put back first. A store
that is refused then is an imprecise bus fault, as on silicon, where it left through the write buffer (DDI0337, 4.3.1).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from .bus import Bus, BusFault, Memory, Peripheral
from .faults import MemFault, UnalignedFault

if TYPE_CHECKING:
    from .core import Core

__all__ = ["CorePort", "Store"]

_PPB = 0xE000_0000
_PPB_END = 0xE010_0000
_STIR = 0xE000_EF00


class Store(NamedTuple):
    """A store that waits for the end of its instruction; ``owner`` None is a hole in the map."""

    owner: Memory | Peripheral | None
    base: int
    address: int
    value: int
    width: int


class CorePort:
    """DataPort of one core, and the page tables behind it."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.bus: Bus = core.bus
        self.flashes: list[Memory] = []
        self._switches: list[tuple[Memory, Callable[[bool], None]]] = []
        self._watches: list[Callable[[], None]] = []
        self._damage_changed = False
        self._overwritten: list[tuple[memoryview, int, bytes]] = []
        self._busy_until = 0
        self._fetch_may_wait = False
        self.user_may_trigger = False  # CCR.USERSETMPEND
        self.buffered = True  # ACTLR.DISDEFWBUF is 0
        self._unaligned_traps: list[Callable[[bool], None]] = []

    # --- building the engine's map

    def build(self) -> None:
        """Give the engine the map of the bus; called once, when the machine is powered for the first time."""
        engine = self.core.engine
        for base, buffer, execute in self.bus.build():
            engine.map_memory(base, buffer, execute=execute)
        for base, size in self.bus.io_ranges():
            engine.map_io(base, size)
        for base, size in self.bus.holes():
            engine.trap_reads(base, size, self._hole_read)
            engine.trap_writes(base, size, self._judged_write)
        for base, size, owner in self.bus.slots:
            if isinstance(owner, Peripheral) and owner.shadow:
                engine.trap_writes(base, size, self._judged_write)
            elif isinstance(owner, Memory) and not owner.ram:
                engine.trap_writes(base, size, self._judged_write)
                if owner.controller is not None:
                    self._switches.append((owner, engine.trap_reads(base, size, self._array_read)))
        self.flashes = [memory for memory in self.bus.memories if memory.controller is not None]
        for flash in self.flashes:
            if flash.damage is not None:
                flash.damage.on_change = self._note_damage
        self._note_damage()
        self._look_at_damage()
        # Loads are only hooked at all in code translated while a hook exists: this one keeps the path open.
        engine.trap_reads(0xFFFF_F000, 4, self._hole_read)(False)

    # --- DataPort

    def io_read(self, address: int, width: int) -> int:
        """Load from a peripheral without shadow page, from the PPB or from a bit-band alias."""
        try:
            self._check_privilege(address)
            self.check(address, width, write=False)
            if address & (width - 1):
                return self._split_read(address, width)
            return self.bus.read(address, width)
        except BusFault as fault:
            self.abort(fault)
            return 0

    def io_write(self, address: int, value: int, width: int) -> None:
        """Store there. PPB stores are unbuffered, so a refusal is precise."""
        try:
            self._check_privilege(address)
            self.check(address, width, write=True)
            for part, data, size in _aligned_parts(address, value, width):
                self.bus.write(part, data, size)
        except BusFault as fault:
            if _PPB <= address < _PPB_END or isinstance(fault, MemFault):
                self.abort(fault)
            else:
                self.core.late_fault = True
        self.core.engine.stop_after()

    def unmapped_write(self, address: int, value: int, width: int) -> bool:
        """Store to nowhere: the instruction completes, the fault arrives later."""
        del value, width
        if self.forbidden(address, write=True) or address >= _PPB or not self.buffered:
            return False
        self.core.late_fault = True
        self.core.engine.stop_after()
        return True

    def fault_at(self, address: int) -> BusFault:
        """Return the fault of a refused access: the MPU's or the bus's."""
        return MemFault(address) if self.forbidden(address, write=False) else BusFault(address)

    def trap_unaligned(self, on: bool) -> None:
        """CCR.UNALIGN_TRP: every unaligned word or half-word access faults (DDI0403E A3.2.1)."""
        if on and not self._unaligned_traps:
            engine = self.core.engine
            self._unaligned_traps = [
                engine.trap_reads(0, _PPB, self._check_aligned_load),
                engine.trap_writes(0, _PPB, self._check_aligned_store),
            ]
        for switch in self._unaligned_traps:
            switch(on)

    def _check_aligned_load(self, address: int, _: int, width: int) -> None:
        if address & (width - 1):
            self.abort(UnalignedFault(address))

    def _check_aligned_store(self, address: int, _: int, width: int) -> None:
        if address & (width - 1):
            self.abort_store(UnalignedFault(address), width)

    def _split_read(self, address: int, width: int) -> int:
        value = 0
        for index in range(width):
            value |= self.bus.read(address + index, 1) << 8 * index
        return value

    def _check_privilege(self, address: int) -> None:
        """Unprivileged code cannot touch the PPB (DDI0403E B3.1), but for STIR where CCR allows it."""
        if _PPB <= address < _PPB_END and not self.core.engine.privileged:
            if address == _STIR and self.user_may_trigger:
                return
            raise BusFault(address, "unprivileged access to the private peripheral bus")

    def abort(self, fault: BusFault) -> None:
        """Inside a data callback: undo the current instruction and take ``fault`` at it."""
        if self.core.abort_fault is None:
            self.core.abort_fault = fault
        self.core.engine.abort()

    def abort_store(self, fault: BusFault, width: int) -> None:
        """Undo the current store to ``fault.address`` as well: the engine is about to carry it out."""
        slot = self.bus.find(fault.address)
        if slot is not None and (isinstance(slot[2], Memory) or slot[2].shadow):
            self._keep(slot[2], slot[0], fault.address, width)
        self.abort(fault)

    def _hole_read(self, address: int, _: int, __: int) -> None:
        self.abort(BusFault(address))

    def _judged_write(self, address: int, value: int, width: int) -> None:
        core = self.core
        slot = self.bus.find(address)
        if slot is None:
            core.late_fault = True
        else:
            base, _, owner = slot
            for part, data, size in _aligned_parts(address, value, width):
                core.stores.append(Store(owner, base, part, data, size))
                self._keep(owner, base, part, size)
        core.engine.stop_after()

    def _keep(self, owner: Memory | Peripheral, base: int, address: int, width: int) -> None:
        content = self.bus.content(owner)
        offset = address - base
        self._overwritten.append((content, offset, bytes(content[offset : offset + width])))

    # --- after the instruction

    def put_back(self) -> None:
        """Undo what the engine stored where somebody else judges."""
        for content, offset, old in reversed(self._overwritten):
            content[offset : offset + len(old)] = old
        self._overwritten.clear()

    def ready_at(self, store: Store) -> int:
        """Picosecond from which the bus takes a store: a busy flash makes it wait."""
        if isinstance(store.owner, Memory) and store.owner.controller is not None:
            return store.owner.controller.busy_until()
        if isinstance(store.owner, Peripheral):
            return store.owner.ready_for(store.address - store.base)
        return 0

    def carry_out(self, store: Store) -> None:
        """Let memory or register judge a store."""
        if isinstance(store.owner, Peripheral):
            store.owner.write(store.address - store.base, store.value, store.width)
        elif store.owner is not None:
            if store.owner.controller is None:
                self.core.engine.invalidate(store.address, store.width)
            store.owner.store(store.address, store.value, store.width)

    # --- busy flash

    def flash_blocks(self, address: int) -> bool:
        """Stall the core if ``address`` lies in a flash array that is busy."""
        slot = self.bus.find(address)
        if slot is None or not isinstance(slot[2], Memory) or slot[2].controller is None:
            return False
        ready = slot[2].controller.busy_until()
        if self.core.clockwork.cycle_at(ready) <= self.core.cycle:
            return False
        self.core.stall_until(ready)
        return True

    def look_at_flash(self) -> None:
        """Notice that an array became busy or idle, or damaged: loads from it are watched, a fetch from it waits."""
        if self._damage_changed:
            self._look_at_damage()
        busy = max((flash.controller.busy_until() for flash in self.flashes if flash.controller), default=0)
        if busy and self.core.clockwork.cycle_at(busy) <= self.core.cycle:
            busy = 0
        if busy == self._busy_until:
            return
        self._busy_until = busy
        self._watch_loads()  # it may have become idle while the core was halted
        self._fetch_may_wait = bool(busy)

    def flash_blocks_fetch(self) -> bool:
        """Stall the core if its next instruction lies in an array that has just become busy."""
        if not self._busy_until:
            return False
        if self.core.clockwork.cycle_at(self._busy_until) <= self.core.cycle:
            self._busy_until = 0
            self._fetch_may_wait = False
            self._watch_loads()
            return False
        if self._fetch_may_wait:
            self._fetch_may_wait = False
            return self.flash_blocks(self.core.engine.pc)
        return False

    def _watch_loads(self) -> None:
        for memory, switch in self._switches:
            switch(bool(self._busy_until) or bool(memory.damage))

    def _array_read(self, address: int, _: int, width: int) -> None:
        """A load from a busy array waits, then is done again; one from a damaged unit is told of or refused."""
        slot = self.bus.find(address)
        if slot is None or not isinstance(slot[2], Memory) or slot[2].controller is None:
            return
        ready = slot[2].controller.busy_until()
        if self.core.clockwork.cycle_at(ready) > self.core.cycle_now:
            self.core.stall_after_abort = ready
            self.core.engine.abort()
        elif slot[2].damage:
            try:
                slot[2].damage.read(slot[2].base + address - slot[0], width)
            except BusFault:
                self.abort(BusFault(address))

    # --- damaged flash

    def _note_damage(self) -> None:
        self._damage_changed = True

    def _look_at_damage(self) -> None:
        """Watch loads and fetches from what is damaged now."""
        self._damage_changed = False
        for remove in self._watches:
            remove()
        self._watches.clear()
        self._watch_loads()
        for base, _, owner in self.bus.slots:
            if isinstance(owner, Memory) and owner.damage:
                first, end = (base - owner.base + place for place in owner.damage.bounds)
                self._watches.append(self.core.engine.watch_code(first, self._damaged_fetch, last=end - 2))

    def _damaged_fetch(self, pc: int) -> None:
        slot = self.bus.find(pc)
        if slot is not None and isinstance(slot[2], Memory) and slot[2].damage:
            try:
                slot[2].damage.read(slot[2].base + pc - slot[0], 2)
            except BusFault:
                self.core.engine.stop_before()

    def fetch_refused(self, pc: int) -> bool:
        """Tell whether an instruction lies in damaged flash that the bus does not give out."""
        slot = self.bus.find(pc)
        damage = slot[2].damage if slot is not None and isinstance(slot[2], Memory) else None
        return bool(slot and damage and damage.refuses and damage.find(slot[2].base + pc - slot[0], 2) is not None)

    # --- memory as exception entry and return see it

    def store_words(self, address: int, words: Sequence[int]) -> None:
        """Store words; BusFault at the first that is refused."""
        self.check(address, 4 * len(words), write=True)
        slot = self.bus.find(address)
        if slot is not None and isinstance(slot[2], Memory) and slot[2].ram:
            offset = address - slot[0]
            if offset + 4 * len(words) <= slot[1]:
                struct.pack_into(f"<{len(words)}I", slot[2].data, offset, *words)
                self.core.engine.invalidate(address, 4 * len(words))
                return
        for index, word in enumerate(words):
            self.bus.write(address + 4 * index, word, 4)

    def load_words(self, address: int, count: int, *, vector: bool = False) -> tuple[int, ...]:
        """Load words; BusFault at the first that is refused. Vectors are not subject to the MPU (B3.5.1)."""
        if not vector:
            self.check(address, 4 * count, write=False)
        slot = self.bus.find(address)
        if slot is not None and isinstance(slot[2], Memory) and not slot[2].damage:
            offset = address - slot[0]
            if offset + 4 * count <= slot[1]:
                return struct.unpack_from(f"<{count}I", slot[2].data, offset)
        return tuple(self.bus.read(address + 4 * index, 4) for index in range(count))

    # --- memory protection

    def check(self, address: int, size: int, *, write: bool) -> None:
        """Raise MemFault if the MPU forbids stacking or unstacking there."""
        mpu = self.core.mpu
        if mpu.enabled and mpu.forbids(address, size, write=write):
            raise MemFault(address, "the MPU forbids it")

    def forbidden(self, address: int, *, write: bool) -> bool:
        """Tell whether a refused access was refused by the MPU."""
        mpu = self.core.mpu
        return mpu.enabled and mpu.forbids(address, 1, write=write)

    def execution_forbidden(self, address: int) -> bool:
        """Tell whether a refused fetch was refused by the MPU."""
        mpu = self.core.mpu
        return mpu.enabled and address < _PPB and mpu.forbids_execution(address)


def _aligned_parts(address: int, value: int, width: int) -> Iterator[tuple[int, int, int]]:
    """Split an unaligned access as the bus does: byte, half-word, word pieces on their own boundaries."""
    while width:
        size = min(address & -address & 7 or 4, 4, 1 << width.bit_length() - 1)
        yield address, value & (1 << 8 * size) - 1, size
        address, value, width = address + size, value >> 8 * size, width - size
