"""A core, a flash and a probe made of dictionaries, for tests of the server alone.

The fake core's program is two-byte NOPs without end: a step adds 2 to pc, a resume runs until the next
breakpoint above pc, and without one until it is halted. Nothing here is shared with the simulator.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import trio

from haltpoint.arm.breakpoints import BreakpointKind
from haltpoint.arm.core import ConnectMode
from haltpoint.arm.dwt import WatchKind
from haltpoint.arm.identify import CoreInfo
from haltpoint.arm.memory import InlineExecutor, Memory
from haltpoint.arm.reset import ResetKind
from haltpoint.arm.stop import Stop, StopReason
from haltpoint.flash.memory_map import Region
from haltpoint.probes.access import Access, Read, ReadBlock, Result, Write, WriteBlock
from haltpoint.probes.errors import AccessFaultError, HaltpointError, ImageError, TargetError
from haltpoint.probes.probe import ProbeInfo
from haltpoint.server.target import Target

FLASH = 0x0800_0000
FLASH_SIZE = 0x1_0000
RAM = 0x2000_0000
RAM_SIZE = 0x5000
RESET_PC = FLASH + 0x100

REGIONS = (
    Region("flash", "the flash", FLASH, FLASH_SIZE, sector_size=0x400),
    Region("rom", "system memory", 0x1FFF_F000, 0x800),
    Region("ram", "SRAM", RAM, RAM_SIZE),
    Region("ram", "peripherals", 0x4000_0000, 0x2_4000),
    Region("ram", "the private peripheral bus", 0xE000_0000, 0x10_0000),
)


class FakeProbe:
    """Memory that answers at FLASH and RAM only."""

    def __init__(self) -> None:
        self.memory = {FLASH: bytearray(b"\x00\xbf" * (FLASH_SIZE // 2)), RAM: bytearray(RAM_SIZE)}
        self.info = ProbeInfo("Fake-Link", "F00", "V1", "fake")
        self.reads: list[tuple[int, int]] = []

    def voltage(self) -> float | None:
        return None

    def set_speed(self, khz: int) -> int:
        return khz

    def connect(self) -> None: ...
    def close(self) -> None: ...
    def set_reset(self, asserted: bool) -> None: ...

    def piece(self, address: int, length: int) -> tuple[bytearray, int]:
        for base, data in self.memory.items():
            if base <= address < base + len(data):
                if address + length > base + len(data):
                    raise self.fault(address, length, base + len(data))
                return data, address - base
        raise self.fault(address, length, address)

    @staticmethod
    def fault(address: int, length: int, where: int) -> AccessFaultError:
        attempt = f"Reaching {length} bytes at 0x{address:08x}"
        return AccessFaultError(attempt, f"the bus answered FAULT at 0x{where:08x}", address=where)

    def read(self, address: int, length: int) -> bytes:
        self.reads.append((address, length))
        data, offset = self.piece(address, length)
        return bytes(data[offset : offset + length])

    def write(self, address: int, new: bytes) -> None:
        data, offset = self.piece(address, len(new))
        data[offset : offset + len(new)] = new

    def run(self, accesses: Sequence[Access]) -> list[Result]:
        results: list[Result] = []
        for access in accesses:
            match access:
                case Read(address, width):
                    results.append(int.from_bytes(self.read(address, width), "little"))
                case ReadBlock(address, length):
                    results.append(self.read(address, length))
                case Write(address, value, width):
                    self.write(address, value.to_bytes(width, "little"))
                    results.append(None)
                case WriteBlock(address, data):
                    self.write(address, data)
                    results.append(None)
                case other:
                    raise AssertionError(other)
        return results


class FakeBreakpoints:
    def __init__(self, comparators: int = 6) -> None:
        self.comparators = comparators
        self.table: dict[int, BreakpointKind] = {}
        self.in_flash: dict[int, int] = {}

    def wanted_in_flash(self) -> set[int]:
        return {address for address, kind in self.table.items() if kind is BreakpointKind.FLASH}

    @property
    def all_in_flash(self) -> bool:
        return self.wanted_in_flash() <= self.in_flash.keys()

    def with_comparator(self) -> list[int]:
        return [address for address, kind in self.table.items() if kind is BreakpointKind.HARDWARE]

    def left_over(self, address: int) -> bool:
        return address in self.in_flash and address not in self.table

    def add(self, address: int, kind: BreakpointKind) -> None:
        hardware = [a for a, k in self.table.items() if k is BreakpointKind.HARDWARE and a != address]
        if kind is BreakpointKind.HARDWARE and len(hardware) >= self.comparators:
            raise TargetError(
                f"Setting a breakpoint at 0x{address:08x}",
                f"all {self.comparators} comparators are in use",
                "Delete another breakpoint.",
            )
        self.table[address] = kind

    def remove(self, address: int) -> None:
        del self.table[address]


class FakeWatchpoints:
    def __init__(self, comparators: int = 4) -> None:
        self.comparators = comparators
        self.table: list[tuple[int, int, WatchKind]] = []

    def add(self, address: int, length: int, kind: WatchKind) -> None:
        if (address, length, kind) in self.table:
            return
        if len(self.table) >= self.comparators:
            attempt = f"Watching {length} bytes at 0x{address:08x}"
            raise TargetError(attempt, f"all {self.comparators} comparators are in use", "Delete another watchpoint.")
        self.table.append((address, length, kind))

    def remove(self, address: int, length: int, kind: WatchKind) -> None:
        if (address, length, kind) in self.table:
            self.table.remove((address, length, kind))


CORTEX_M3 = CoreInfo("Cortex-M3", "r1p1", 0x411F_C231, 6, 4, 1, 0x260, main_extension=True, fpu=False)


class FakeCore:
    """Satisfies ``server.capabilities.Core``. Attributes are knobs: set them to make things happen."""

    def __init__(self) -> None:
        self.probe = FakeProbe()
        self.memory = Memory(self.probe, InlineExecutor())
        self.info = CORTEX_M3
        self.breakpoints = FakeBreakpoints()
        self.watchpoints = FakeWatchpoints()
        self.notices: list[str] = []
        self.stop: Stop | None = None
        self.registers = {
            **dict.fromkeys(range(96), 0),
            13: RAM + RAM_SIZE,
            17: RAM + RAM_SIZE,
            15: RESET_PC,
            16: 0x0100_0000,
        }
        self.calls: list[str] = []
        self.polls_after_resume = 2
        self.polls_until_stop = 2
        self.next_stop: Stop | None = None
        self.failure: HaltpointError | None = None
        self.hang = 0.0
        self._called = trio.Event()

    def _note(self, name: str) -> None:
        self.calls.append(name)
        self._called.set()
        self._called = trio.Event()

    async def wait_called(self, name: str) -> None:
        """Until ``name`` has been called since ``calls`` was cleared."""
        while name not in self.calls:
            await self._called.wait()

    async def _enter(self, name: str) -> None:
        self._note(name)
        await trio.lowlevel.checkpoint()
        if self.hang:
            await trio.sleep(self.hang)
        if self.failure is not None:
            raise self.failure

    def snapshot(self, reason: StopReason) -> Stop:
        self.stop = Stop(reason, 0x0003_0003, 0, {n: self.registers[n] for n in range(19)})
        return self.stop

    async def connect(self, mode: ConnectMode) -> None:
        await self._enter(f"connect {mode.value}")
        if mode is not ConnectMode.ATTACH:
            self.snapshot(StopReason.HALT_REQUEST)

    async def poll(self) -> Stop | None:
        await self._enter("poll")
        if self.stop is None and self.next_stop is not None:
            self.polls_until_stop -= 1
            if self.polls_until_stop <= 0:
                self.stop, self.next_stop = self.next_stop, None
        return self.stop

    async def halt(self) -> Stop:
        await self._enter("halt")
        return self.snapshot(StopReason.HALT_REQUEST)

    async def resume(self) -> None:
        await self._enter("resume")
        self._run_to_breakpoint()

    def _run_to_breakpoint(self) -> None:
        ahead = [address for address in self.breakpoints.table if address > self.registers[15]]
        if ahead:
            self.registers[15] = min(ahead)
            self.next_stop = self.snapshot(StopReason.BREAKPOINT)
        self.stop = None
        self.polls_until_stop = self.polls_after_resume

    async def apply_points(self) -> None:
        await self._enter("apply_points")
        if self.stop is None:
            self._run_to_breakpoint()

    async def step(self) -> Stop:
        await self._enter("step")
        self.registers[15] += 2
        return self.snapshot(StopReason.STEP)

    async def step_range(self, start: int, end: int, code: bytes, patience: float) -> Stop | None:
        """Four instructions at a time; the code and the patience are not looked at."""
        del code, patience
        await self._enter(f"step_range {start:#x} {end:#x}")
        for _ in range(4):
            self.registers[15] += 2
            at = self.registers[15]
            if at in self.breakpoints.table or not start <= at < end:
                return self.snapshot(StopReason.BREAKPOINT if at in self.breakpoints.table else StopReason.STEP)
        self.snapshot(StopReason.STEP)
        return None

    async def reset(self, *, halt: bool, kind: ResetKind = ResetKind.SYSTEM) -> Stop | None:
        await self._enter(f"reset halt={halt} kind={kind.value}")
        self.registers[15] = RESET_PC
        self.stop = None
        return self.snapshot(StopReason.RESET) if halt else None

    async def read_register(self, regsel: int) -> int:
        await self._enter(f"read_register {regsel}")
        return self.registers[regsel]

    async def write_register(self, regsel: int, value: int) -> None:
        await self._enter(f"write_register {regsel} {value:#x}")
        self.registers[regsel] = value

    async def answer_bkpt(self, result: int, reads: Iterable[tuple[int, int]] = ()) -> None:
        del reads
        await self.write_register(0, result)

    def repeat_bkpt(self) -> None:
        self._note("repeat_bkpt")

    async def settle(self) -> None:
        await self._enter("settle")

    async def detach(self) -> None:
        await trio.lowlevel.checkpoint()
        self.breakpoints.table.clear()
        self.stop = None
        self._note("detach")

    async def read_memory(self, address: int, length: int) -> bytes:
        await self._enter(f"read_memory {address:#x} {length}")
        return await self.memory.read(address, length)

    async def write_memory(self, address: int, data: bytes) -> None:
        await self._enter(f"write_memory {address:#x} {data.hex()}")
        await self.memory.write(address, data)


@dataclass
class FakeFlash:
    """Satisfies ``server.capabilities.FlashCapability``: programs FakeProbe's memory at ``finish``."""

    probe: FakeProbe
    edits: list[tuple[int, bytes]] = field(default_factory=list)
    kept: list[tuple[int, int]] = field(default_factory=list)
    failure: HaltpointError | None = None
    hang: float = 0.0
    discarded: int = 0

    def _check(self, address: int, length: int) -> None:
        if not FLASH <= address <= address + length <= FLASH + FLASH_SIZE:
            raise ImageError(f"Erasing {length} bytes at 0x{address:08x}", "there is no flash", "Link it elsewhere.")

    def erase(self, address: int, length: int) -> None:
        self._check(address, length)
        self.edits.append((address, b"\xff" * length))

    def write(self, address: int, data: bytes) -> None:
        self._check(address, len(data))
        self.edits.append((address, data))

    async def finish(self) -> object:
        await trio.sleep(self.hang)
        if self.failure is not None:
            raise self.failure
        for address, data in self.edits:
            self.probe.write(address, data)
        self.edits.clear()
        return "flash done"

    def discard(self) -> None:
        self.edits.clear()
        self.discarded += 1

    def preserve(self, address: int, length: int) -> None:
        self.kept.append((address, length))


@dataclass
class FakeBoard:
    """A target over fakes, and the fakes."""

    core: FakeCore = field(default_factory=FakeCore)

    def __post_init__(self) -> None:
        self.flash = FakeFlash(self.core.probe)
        self.target = Target(self.core, REGIONS, self.flash, facts=("Chip: fake",))
