"""What a client debugs: core control, chip and flash behind one face, capability by capability.

Packet handlers and monitor commands see this and nothing below it; they never see a probe. What a
target may lack is an attribute that may be None, and ``capabilities`` is what the packet table asks for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ..arm.address_map import ADDRESS_SPACE, RAM_END
from ..arm.breakpoints import BreakpointKind
from ..arm.core import ConnectMode
from ..arm.faults import describe_fault
from ..arm.reset import ResetKind
from ..arm.stop import Stop, StopReason
from ..flash.memory_map import Region, region_at
from ..probes.errors import AccessFaultError, HaltpointError, TargetError, UserError
from .capabilities import Core, FlashCapability, GuardCapability
from .conditions import Conditions
from .connecting import connect
from .description import GENERAL, PC, RegisterSpec, registers_of
from .flash_breakpoints import FlashBreakpoints
from .flash_reads import FlashReads
from .intercept import Interceptor
from .plain_flash import PlainFlash
from .points import Orders, Points
from .range_steps import RangeSteps
from .register_access import read_register, write_register
from .view import virtual_stop

__all__ = ["Target"]


class Target:
    """One core of one chip. Every coroutine may raise HaltpointError. ``facts`` are lines about it for the user."""

    def __init__(
        self,
        core: Core,
        regions: Iterable[Region] | None = None,
        flash: FlashCapability | None = None,
        facts: Iterable[str] = (),
        *,
        leave_running: bool = False,
    ) -> None:
        self._core = core
        self.regions = None if regions is None else tuple(regions)
        self.flash = flash
        self.guard: GuardCapability | None = None
        """None where nothing is known of the chip's protection."""
        self.facts = tuple(facts)
        self.leave_running = leave_running
        """Clients are shown a virtual stop until they want the core to do something (see ``view``)."""
        self.reset_kind = ResetKind.SYSTEM
        """How the target is reset where nobody says how."""
        self.view: Stop | None = None
        self._claimed = False
        self.attached = False
        self.link_in_doubt = False
        """Set after a LinkError: the target may have lost its power, so the next use of the core connects anew."""
        self._reads = FlashReads(core.read_memory, self.regions or ())
        self.points = Points(core.breakpoints, core.watchpoints, self._kind)
        self._steps = RangeSteps(core, self.points, self.read_memory)
        self.plain_flash: PlainFlash | None = None
        """Not None: clients learn of no flash, and what they write there by plain writes is programmed."""
        self.flash_breakpoints: FlashBreakpoints | None = None
        """None: there are as many breakpoints in flash as the core has comparators."""
        self.interceptors: list[Interceptor] = [Conditions()]
        """Those who deal with stops for every client of this target."""

    @property
    def capabilities(self) -> frozenset[str]:
        """The groups of the packet table this target can serve."""
        always = {"session", "registers", "memory", "execution", "threads", "breakpoints", "monitor"}
        optional = {"memory_map": self.regions, "flash": self.flash} if self.plain_flash is None else {}
        return frozenset(always | {name for name, have in optional.items() if have is not None})

    # Attaching

    async def attach(self) -> None:
        """Take control of the core; nothing happens when that has been done and the link held since."""
        if not self.attached or self.link_in_doubt:
            await connect(self._core, ConnectMode.ATTACH if self.leave_running else ConnectMode.HALT)
            self.attached = True
            self.link_in_doubt = False

    async def detach(self) -> None:
        """Breakpoints out, catches cleared, the core runs. A load that was not finished is forgotten."""
        if self.flash is not None and self.plain_flash is None:
            self.flash.discard()
        if self.attached:
            self.points.clear()
            self._steps.range = None
            self._reads.forget()
            self.attached = self._claimed = False
            self.view = None
            try:
                await self.program_plain()
                await self._restore_flash()
            finally:
                await self._core.detach()

    # Execution

    @property
    def stop(self) -> Stop | None:
        """The present stop, None while the core runs as far as is known."""
        return None if self._steps.range else self._core.stop

    async def poll(self) -> Stop | None:
        """One look at a running core; one that is stepped through a range is stepped on."""
        if self._steps.range is not None:
            stop = await self._steps.go_on(self._reads.forget)
            if stop is None and self.flash_breakpoints is not None and self._core.stop is not None:
                # A long range, and single steps: it is not run through while breakpoints in flash are missing.
                await self.flash_breakpoints.place()
            return stop
        stop = await self._core.poll()
        passed = stop is not None and self.flash_breakpoints is not None and await self.flash_breakpoints.passes(stop)
        return None if passed else stop

    async def halt(self) -> Stop:
        """Stop the core, or say why it stands already."""
        self._claim()
        await self.attach()
        stop = self._core.stop or await self._core.halt()
        if self._steps.range is not None:
            self._steps.range = None
            return replace(stop, reason=StopReason.HALT_REQUEST)
        return stop

    async def show(self) -> Stop:
        """The stop to be shown to a client that takes the core for stopped.

        A core that is to be left running, and that nobody has wanted to run or stop yet, is not halted for it:
        the stop is a virtual one, kept in ``view``.
        """
        if not self.leave_running or self._claimed:
            return await self.halt()
        await self.attach()
        stop = await self._core.poll()
        if stop is None:
            last = None if self.view is None else self.view.pc
            stop = self.view = await virtual_stop(self._core.memory, last)
        return stop

    @property
    def rewriting(self) -> bool:
        """Whether a packet is late because breakpoints in flash come or go."""
        return self.flash_breakpoints is not None and self.flash_breakpoints.rewriting

    async def program_plain(self) -> None:
        """The flash becomes what the client has written there by plain writes."""
        if self.plain_flash is not None and self.plain_flash.waiting:
            self._reads.forget()
            await self.plain_flash.program()

    def _claim(self) -> None:
        """What the core does matters to the client from now on."""
        self.view, self._claimed = None, True

    async def resume(self, address: int | None = None) -> None:
        """Run from ``address``, or from where the core stands.

        One that runs already goes on; breakpoints that were set since come to hold. One that has stopped
        by itself, behind the back of a client that took it for stopped, stays there: that is what it shall hear of.
        """
        self._claim()
        await self.attach()
        await self.program_plain()
        ran = self._core.stop is None
        if address is None and await self._core.poll() is None:
            await self._core.apply_points()
        elif not ran or address is not None:
            await self._stand_at(address)
            self._reads.forget()
            if self.flash_breakpoints is not None:
                await self.flash_breakpoints.place()
            await self._core.resume()

    async def step(self, address: int | None = None) -> Stop:
        """Carry out one instruction. A core that ran is halted instead, and where it stands is the answer."""
        was_running = self._core.stop is None
        await self._stand_at(address)
        if was_running and self._core.stop is not None:
            return self._core.stop
        passed = self._steps.pass_access()
        if passed is not None:
            return passed
        self._reads.forget()
        return await self._core.step()

    async def step_range(self, start: int, end: int) -> None:
        """Step while pc is in the range (``end`` exclusive); ``poll`` does it, bit by bit, and tells of its end."""
        await self._stand_at(None)
        self._steps.begin(start, end)

    async def _stand_at(self, address: int | None) -> None:
        await self.halt()
        await self.program_plain()
        if address is not None:
            await self.write_register(PC, address)

    async def answer_bkpt(self, result: int, reads: Iterable[tuple[int, int]] = ()) -> None:
        """Put ``result`` into r0 of a program that asked by BKPT; the next resume or step passes over that.

        ``reads``: (address, length) of memory that its next such question may point at.
        """
        await self._core.answer_bkpt(result, reads)

    def repeat_bkpt(self) -> None:
        """Have the program ask again, by the same BKPT instruction, at the next resume or step."""
        self._core.repeat_bkpt()

    async def settle(self) -> None:
        """The client hears of the stop after all: what was left for the next resume is written."""
        await self._core.settle()

    async def reset(self, *, halt: bool, kind: ResetKind | None = None) -> Stop | None:
        """Reset, as said here or by ``reset_kind``; with ``halt`` the core stands at its first instruction."""
        self._claim()
        await self.attach()
        self._steps.range = None
        self._reads.forget()
        await self.program_plain()
        return await self._core.reset(halt=halt, kind=kind or self.reset_kind)

    async def set_speed(self, khz: int) -> int:
        """Choose the wire clock; the one it is now, in kHz."""
        memory = self._core.memory
        async with memory.exclusive():
            return await memory.executor.run(lambda: memory.probe.set_speed(khz))

    async def explain(self, stop: Stop) -> str:
        """A line on the fault behind ``stop``, "" when it is none."""
        return await describe_fault(self._core.memory, stop)

    def take_notices(self) -> list[str]:
        """Sentences that came up below and that the user should see; they are handed out once."""
        notices, self._core.notices[:] = list(self._core.notices), []
        return notices

    @property
    def name(self) -> str:
        """Of the core, for a list of threads."""
        return self._core.info.name

    # Registers: bytes in target order; None: not available while the core runs

    @property
    def registers(self) -> tuple[RegisterSpec, ...]:
        """Those this core has."""
        return registers_of(self._core.info)

    def register(self, number: int) -> RegisterSpec | None:
        """The one that clients know by this number."""
        return next((spec for spec in self.registers if spec.number == number), None)

    async def read_register(self, spec: RegisterSpec) -> bytes | None:
        """One register."""
        if self._core.stop is not None:
            return await read_register(self._core, spec)
        return self.view.pc.to_bytes(spec.size, "little") if self.view is not None and spec is PC else None

    async def write_register(self, spec: RegisterSpec, value: int) -> None:
        """Write one register; the core must stand, and is stopped for it behind a virtual stop."""
        if self.view is not None:
            await self.halt()
        if self._core.stop is None:
            raise TargetError(
                f"Writing register {spec.name}", "the core is running", "Halt it first: Ctrl-C or 'monitor halt'."
            )
        await write_register(self._core, spec, value)

    async def read_general(self) -> list[tuple[RegisterSpec, bytes | None]]:
        """The registers of ``g``; they cost nothing while the core stands."""
        return [(spec, await self.read_register(spec)) for spec in GENERAL]

    # Memory

    async def read_memory(self, address: int, length: int) -> bytes:
        """``length`` bytes, or fewer where the readable part ends; raises AccessFaultError when there is none."""
        length = min(length, ADDRESS_SPACE - address)
        if length <= 0:
            return b""
        await self.program_plain()
        if self._core.stop is None:
            self._reads.forget()
        read = self._core.read_memory if self._core.stop is None else self._reads.read
        try:
            return await read(address, length)
        except AccessFaultError as fault:
            if not address < fault.address < address + length:
                raise
            return await read(address, fault.address - address)

    async def write_memory(self, address: int, data: bytes) -> None:
        """Write by plain accesses; flash is refused, because there they would be lost or break it (``plain_flash``)."""
        region = self._region(address)
        if self.plain_flash is not None and address in self.plain_flash:
            await self.halt()
            await self._restore_flash()
            await self.plain_flash.write(address, data)
            return
        if region is not None and region.kind != "ram":
            raise TargetError(
                f"Writing {len(data)} bytes at 0x{address:08x}",
                f"that is {region.name}, which plain writes do not change",
                "Use 'load' to program flash.",
            )
        if not data:
            return
        if address >= RAM_END:
            self._reads.forget()  # a flash controller may be there
        await self._core.write_memory(address, data)
        if self.flash is not None and self._core.stop is not None:
            # GDB's load writes sections in RAM before it programs the flash, whose loader lives in RAM too.
            self.flash.preserve(address, len(data))

    def _region(self, address: int) -> Region | None:
        return region_at(self.regions or (), address)

    # Breakpoints

    async def apply_points(self) -> None:
        """Breakpoints as they are now come to hold in a core that runs; else they do at the resume.

        The core stands still while one is put into flash.
        """
        flash, runs = self.flash_breakpoints, self._core.stop is None and self._steps.range is None
        if runs and flash is not None and flash.missing:
            await flash.place_in_running()
        else:
            await self._core.apply_points()

    async def insert_breakpoint(self, address: int, *, hardware: bool, orders: Orders) -> None:
        """Insert a breakpoint; see ``Points.insert``. Where comparators run out it is put into flash, if it may be."""
        if self.flash_breakpoints is None:
            self.points.insert(address, hardware=hardware, orders=orders)
        else:
            await self.flash_breakpoints.insert(self.points, address, hardware=hardware, orders=orders)

    async def _restore_flash(self) -> None:
        """No BKPT of ours is left in flash."""
        if self.flash_breakpoints is not None:
            await self.flash_breakpoints.restore()

    def _kind(self, address: int) -> BreakpointKind:
        """In flash and ROM a breakpoint that need not be hardware becomes a hardware one."""
        region = self._region(address)
        in_ram = region is not None and region.kind == "ram"
        return BreakpointKind.SOFTWARE if in_ram else BreakpointKind.HARDWARE

    # Flash

    async def unlock(self) -> list[str]:
        """Remove readout and write protection, which may erase the whole flash; sentences about what was done.

        The core stands at its reset vector afterwards. Raises UserError where nothing is known of the protection.
        """
        if self.guard is None:
            raise UserError("Unlocking the flash", "nothing is known of this chip's protection", "Name it with --chip.")
        await self.halt()
        if self.flash is not None:
            self.flash.discard()
        self._reads.forget()
        return await self.guard.unlock()

    async def finish_flash(self) -> str:
        """Program what has been gathered; a line for the log. What failed is not tried again."""
        if self.flash is None:
            return ""
        self._reads.forget()
        try:
            await self._restore_flash()
            return str(await self.flash.finish())
        except HaltpointError:
            self.flash.discard()
            raise
