"""A probe with a very small core behind it, to see which DHCSR writes core control makes and whether they are legal.

It carries out five instructions (NOP, BKPT, WFI, UDF, B .), keeps the rules of DDI0403E C1.6.2 by assertion
and refuses what it does not know. The simulated boards are the real test; this one sees the single writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import trio

from haltpoint.arm.core import ConnectMode, CortexM
from haltpoint.arm.memory import InlineExecutor, Memory
from haltpoint.arm.stop import Stop, StopReason
from haltpoint.probes.access import (
    Access,
    Poll,
    Read,
    ReadBlock,
    ReadCore,
    Require,
    Result,
    Write,
    WriteBlock,
    WriteCore,
)
from haltpoint.probes.errors import AccessFaultError, NoTargetError
from haltpoint.probes.probe import ProbeInfo

DEBUGEN, HALT, STEP, MASKINTS = 1, 2, 4, 8
S_REGRDY, S_HALT, S_SLEEP, S_LOCKUP, S_RESET_ST = 1 << 16, 1 << 17, 1 << 18, 1 << 19, 1 << 25
DF_HALTED, DF_BKPT, DF_VCATCH = 1, 2, 8
DFSR, DHCSR, DEMCR, AIRCR, FP_CTRL, FP_COMP0 = 0xE000ED30, 0xE000EDF0, 0xE000EDFC, 0xE000ED0C, 0xE0002000, 0xE0002008
CFSR, HFSR = 0xE000ED28, 0xE000ED2C
NOP, BKPT, WFI, UDF, LOOP = 0xBF00, 0xBE00, 0xBF30, 0xDE00, 0xE7FE
FLASH, RAM = 0x08000000, 0x20000000
SIZE = 0x1000
PER_ACCESS = 8  # instructions between two accesses of the debugger


@dataclass
class FakeCore:
    """See the module. ``code`` are the halfwords at ``entry``."""

    code: Sequence[int] = (NOP, NOP, LOOP)
    entry: int = FLASH + 0x100
    cpuid: int = 0x411FC231
    fp_ctrl: int = 0x260
    nrst_wired: bool = True
    deaf_in_reset: bool = False  # the debug port does not answer while NRST is low
    ignores_halt: int = 0  # so many halt requests have no effect
    ignores_reset: bool = False
    wedged: bool = False  # no instruction ever ends
    stuck_in_reset: bool = False  # something else than the probe holds the reset line low
    masked_by_predecessor: bool = False
    writes: list[int] = field(default_factory=list)  # to DHCSR, without the key
    demcr_writes: list[int] = field(default_factory=list)
    batches: list[list[Access]] = field(default_factory=list)
    fail_next: Exception | None = None
    lose_next_answer: Exception | None = None  # the batch is carried out, and then this is raised

    def __post_init__(self) -> None:
        self.flash = bytearray(b"\xff" * SIZE)
        self.ram = bytearray(SIZE)
        self.flash[0:16] = b"".join(
            w.to_bytes(4, "little") for w in (RAM + SIZE, self.entry | 1, 0, (FLASH + 0x200) | 1)
        )
        memory, offset = (self.flash, self.entry - FLASH) if self.entry < RAM else (self.ram, self.entry - RAM)
        memory[offset : offset + 2 * len(self.code)] = b"".join(h.to_bytes(2, "little") for h in self.code)
        self.flash[0x200:0x204] = LOOP.to_bytes(2, "little") * 2
        self.system = {0xE000ED00: self.cpuid, 0xE000ED04: 0, 0xE0001000: 0x40000000, 0xE000ED08: 0, CFSR: 0, HFSR: 0}
        self.system |= dict.fromkeys((0xE000ED44, 0xE000EF44, 0xE000EFB8, 0xE000EFBC), 0)  # of an Armv8-M
        self.system |= {0xE0001FBC: 0, 0xE000ED34: 0x11112222, 0xE000ED38: 0x33334444, 0xE000EF40: 0}
        self.system |= {0xE0001028 + 16 * n: 0x27 for n in range(4)}  # watchpoints of an earlier debugger
        self.count = (self.fp_ctrl >> 8 & 0x70) | (self.fp_ctrl >> 4 & 0xF)
        self.comps = [(FLASH + 0x300) | 0x40000001 & 0xDFFFFFFF] * self.count
        self.control = DEBUGEN | MASKINTS if self.masked_by_predecessor else 0
        self.demcr = self.dfsr = 0
        self.reset_sticky = True  # an old reset
        self.line_low = self.connected = False
        self.registers = dict.fromkeys((*range(19), 20, 33), 0)
        self.start()

    # ------------------------------------------------------------------------------------ the core
    def start(self) -> None:
        self.halted = self.asleep = self.locked = self.in_handler = False
        self.registers[15] = int.from_bytes(self.flash[4:8], "little") & ~1
        self.registers[13] = self.registers[17] = int.from_bytes(self.flash[0:4], "little")
        self.registers[14], self.registers[16] = 0xFFFFFFFF, 0x01000000

    def reset(self) -> None:
        self.start()
        self.reset_sticky = True
        self.fp_ctrl &= ~1
        if self.demcr & 1 and self.control & DEBUGEN:
            self.enter_debug(DF_VCATCH)

    def enter_debug(self, cause: int) -> None:
        self.dfsr |= cause | (DF_HALTED if cause == DF_VCATCH else 0)
        self.halted, self.asleep = True, False
        self.control |= HALT

    def execute(self) -> None:
        pc = self.registers[15]
        if pc == 0xFFFFFFFE:
            self.locked = True
            return
        if self.breaks_at(pc):
            self.enter_debug(DF_BKPT)
            return
        match self.peek(pc, 2):
            case 0xBF00:
                self.registers[15] += 2
            case 0xBF30:
                self.registers[15] += 2
                self.asleep = True
            case 0xE7FE:
                pass
            case 0xDE00:
                self.fault()
            case halfword if halfword & 0xFF00 == 0xBE00:
                if self.control & DEBUGEN:
                    self.enter_debug(DF_BKPT)
                else:
                    self.fault()
            case halfword:
                raise AssertionError(f"ran into {halfword:#06x} at {pc:#010x}")

    def fault(self) -> None:
        self.system[CFSR], self.system[HFSR] = 0x00010000, 0x40000000
        if self.in_handler:
            self.locked, self.registers[15] = True, 0xFFFFFFFE
            return
        self.in_handler = True
        frame = self.registers[13] - 32
        self.poke(frame + 0x18, self.registers[15], 4)
        self.registers[13] = self.registers[17] = frame
        self.registers[14], self.registers[16] = 0xFFFFFFF9, 0x01000003
        self.registers[15] = self.peek(0xC, 4) & ~1
        if self.demcr & 1 << 10 and self.control & DEBUGEN:
            self.enter_debug(DF_VCATCH)

    def breaks_at(self, pc: int) -> bool:
        if not self.fp_ctrl & 1:
            return False
        if self.fp_ctrl >> 28:
            return (pc | 1) in self.comps
        lane = 0x80000000 if pc & 2 else 0x40000000
        return any(c & 1 and c & lane and c & 0x1FFFFFFC == pc & ~3 for c in self.comps)

    def live(self) -> None:
        for _ in range(PER_ACCESS):
            held = self.line_low and self.nrst_wired
            if self.halted or self.asleep or self.locked or held or self.wedged:
                return
            self.execute()

    # ------------------------------------------------------------------------------------ memory
    def area(self, address: int) -> tuple[bytearray, int] | None:
        for base, memory in ((FLASH, self.flash), (0, self.flash), (RAM, self.ram)):
            if base <= address < base + SIZE:
                return memory, address - base
        return None

    def peek(self, address: int, width: int) -> int:
        if address == DHCSR:
            return self.read_dhcsr()
        special = {DFSR: self.dfsr, DEMCR: self.demcr, FP_CTRL: self.fp_ctrl, AIRCR: 0xFA050000, **self.system}
        if address in special:
            return special[address]
        found = self.area(address)
        if found is None:
            raise AccessFaultError(f"Reading {address:#010x}", "the bus answered FAULT", address=address)
        memory, offset = found
        return int.from_bytes(memory[offset : offset + width], "little")

    def poke(self, address: int, value: int, width: int) -> None:
        if address == DHCSR:
            self.write_dhcsr(value)
        elif address == DFSR:
            self.dfsr &= ~value
        elif address == DEMCR:
            self.demcr = value
            self.demcr_writes.append(value)
        elif address == AIRCR:
            assert value == 0x05FA0004, "only SYSRESETREQ is used"
            if not self.ignores_reset:
                self.reset()
        elif address == FP_CTRL:
            assert value & 2, "FP_CTRL needs its key"
            self.fp_ctrl = (self.fp_ctrl & ~1) | (value & 1)
        elif 0 <= (index := (address - FP_COMP0) // 4) < self.count:
            self.comps[index] = value
        elif address in self.system:
            self.system[address] = value
        elif (found := self.area(address)) is not None:
            if found[0] is not self.flash:  # flash ignores stores
                found[0][found[1] : found[1] + width] = value.to_bytes(width, "little")
        else:
            raise AccessFaultError(f"Writing {address:#010x}", "the bus answered FAULT", address=address)

    # ------------------------------------------------------------------------------------ DHCSR
    def read_dhcsr(self) -> int:
        word = self.control | S_REGRDY
        word |= S_HALT * self.halted | S_SLEEP * self.asleep | S_LOCKUP * self.locked
        word |= S_RESET_ST * self.reset_sticky
        self.reset_sticky = self.stuck_in_reset or (self.line_low and self.nrst_wired)
        return word

    def write_dhcsr(self, value: int) -> None:
        assert value >> 16 == 0xA05F, f"DHCSR write {value:#x} without its key"
        value &= 0xFFFF
        self.writes.append(value)
        if self.control & DEBUGEN and (value ^ self.control) & MASKINTS:
            assert self.halted, f"C_MASKINTS changed by {value:#x} while the core was running"
            assert value & HALT, f"C_MASKINTS changed by {value:#x} in a write that clears C_HALT"
        assert not (value & STEP) or (self.halted and not value & HALT), "C_STEP on a core that is not halted"
        self.control = value
        if not value & DEBUGEN:
            self.halted = False
            return
        if value & HALT:
            self.request_halt()
        elif self.halted:
            self.halted = False
            if value & STEP and not self.wedged:
                self.execute()
                if not (self.halted or self.asleep or self.locked):
                    self.enter_debug(DF_HALTED)

    def request_halt(self) -> None:
        if self.halted or (self.line_low and self.nrst_wired):
            return
        if self.ignores_halt:
            self.ignores_halt -= 1
            return
        self.locked = False
        self.enter_debug(DF_HALTED)

    # ------------------------------------------------------------------------------------ Probe
    @property
    def info(self) -> ProbeInfo:
        return ProbeInfo("fake", "0", "V0", "fake")

    def voltage(self) -> float | None:
        return 3.3

    def set_speed(self, khz: int) -> int:
        return khz

    def connect(self) -> None:
        if self.deaf_in_reset and self.line_low:
            raise NoTargetError("Connecting", "nothing answers on the wire")
        self.connected = True

    def set_reset(self, asserted: bool) -> None:
        if self.nrst_wired and self.line_low and not asserted:
            self.line_low = False
            if self.stuck_in_reset:
                return
            self.reset()
            if self.control & HALT and not self.halted:
                self.enter_debug(DF_HALTED)
        elif self.nrst_wired and asserted:
            self.halted, self.reset_sticky = False, True
        self.line_low = asserted

    def close(self) -> None:
        self.connected = False

    def run(self, accesses: Sequence[Access]) -> list[Result]:
        if not self.connected:
            raise NoTargetError("Accessing the target", "nothing answers on the wire")
        if self.fail_next is not None:
            failure, self.fail_next = self.fail_next, None
            raise failure
        self.batches.append(list(accesses))
        results: list[Result] = []
        for access in accesses:
            if isinstance(access, Require):
                word = results[access.position]
                assert isinstance(word, int)
                if word & access.mask != access.value:
                    results += [None] * (len(accesses) - len(results))
                    break
            results.append(None if isinstance(access, Require) else self.one(access))
        if self.lose_next_answer is not None:
            failure, self.lose_next_answer = self.lose_next_answer, None
            raise failure
        return results

    def one(self, access: Access) -> Result:
        self.live()
        match access:
            case Read(address, width):
                return self.peek(address, width)
            case Write(address, value, width):
                self.poke(address, value, width)
                return None
            case ReadBlock(address, length):
                return bytes(self.peek(address + n, 1) for n in range(length))
            case WriteBlock(address, data):
                for n, byte in enumerate(data):
                    self.poke(address + n, byte, 1)
                return None
            case ReadCore(registers):
                assert self.halted, "core registers read while running"
                return tuple(self.registers[n] for n in registers)
            case WriteCore(register, value):
                assert self.halted, "core register written while running"
                self.registers[register] = value
                if register == 13:
                    self.registers[17] = value
                return None
            case Poll():
                raise NotImplementedError
        raise AssertionError(access)


async def connected(fake: FakeCore, mode: ConnectMode = ConnectMode.UNDER_RESET) -> CortexM:
    core = CortexM(Memory(fake, InlineExecutor()))
    await core.connect(mode)
    fake.writes.clear()
    fake.batches.clear()
    return core


async def wait(core: CortexM) -> Stop:
    with trio.fail_after(5):
        while (stop := await core.poll()) is None:  # noqa: ASYNC110  there is no event: a probe is asked
            await trio.sleep(0.001)
    return stop


def assert_untouched(fake: FakeCore) -> None:
    assert fake.control == 0
    assert not fake.halted
    assert fake.demcr == 0
    assert fake.dfsr == 0
    assert not any(fake.comps)
    assert not fake.fp_ctrl & 1


async def in_ram(code: list[int]) -> tuple[FakeCore, CortexM]:
    fake = FakeCore(code=code, entry=RAM + 0x100)
    return fake, await connected(fake)


async def locked_up() -> tuple[FakeCore, CortexM]:
    fake = FakeCore(code=[UDF])
    fake.flash[0x200:0x202] = UDF.to_bytes(2, "little")
    core = await connected(fake)
    await core.resume()
    assert (await wait(core)).reason is StopReason.VECTOR_CATCH
    return fake, core
