"""CpuEngine on Unicorn: the only module that imports it.

Unicorn executes the instructions; it has traps, and each line here that looks odd avoids one of them:
- MCLASS mode overrides the CPU model, so the model is set without it.
- Exact positions come from two private words (``emu_counter``, ``emu_count``), found by running a calibration loop.
  Setting the limit to the counter stops after the current instruction; ``emu_stop`` in a data callback would leave
  PC at the access and repeat it.
- Runs always have a limit: with one, PC is exact in every callback.
- A Cortex-M33 starts in secure state and cannot leave it: the library would look for attributes of security in units
  that it has not. BXNS and BLXNS stop the simulation. Its stack limits have no register numbers (sim/stack_limits.py).
- A memory hook inside an IT block leaves ITSTATE behind, so hooks clear it (more on registers: sim/register_file.py).
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

from .bus import Unmodelled
from .engine import DataCall, DataPort, EngineMissingError, Exit
from .native import Batch, CounterPair, bounds_switch
from .register_file import RegisterFile
from .stack_limits import StackLimits

try:
    import unicorn
    from unicorn import arm_const
    from unicorn.unicorn_py3.unicorn import uclib
except ImportError as missing:
    raise EngineMissingError(
        "Opening a simulated board failed: its processor needs the package unicorn, which is not installed. "
        'Install it with: pip install "haltpoint[sim]"'
    ) from missing

uc: Any = unicorn  # its annotations stop halfway; this module is where they end
arm: Any = arm_const

__all__ = ["MODELS", "UnicornEngine"]

MODELS = {
    "cortex-m0": arm.UC_CPU_ARM_CORTEX_M0,
    "cortex-m0+": arm.UC_CPU_ARM_CORTEX_M0,  # as the first, but for registers
    "cortex-m3": arm.UC_CPU_ARM_CORTEX_M3,
    "cortex-m4": arm.UC_CPU_ARM_CORTEX_M4,
    "cortex-m7": arm.UC_CPU_ARM_CORTEX_M7,
    "cortex-m33": arm.UC_CPU_ARM_CORTEX_M33,
}

_UNKNOWN_VERSION = (
    "Opening a simulated board failed: in this version of unicorn {}. "
    "Install a version that was tested: pip install unicorn==2.1.4"
)
_PREFETCH_ABORT = 3
_EXECUTE_NEVER = 0x4000_0000  # the default map lets peripherals and what lies above execute nothing, or external RAM
_UNTIL = 0xFFFF_FFF0  # never reached: not an address that a lockup or an EXC_RETURN leaves in PC
_NOWHERE = 1 << 40  # beyond the 32-bit address space
_INTERRUPT_EXITS = {
    2: Exit.SVC,
    3: Exit.FETCH_FAULT,
    4: Exit.UNALIGNED,
    7: Exit.BKPT,
    8: Exit.EXCEPTION_RETURN,
    17: Exit.NO_COPROCESSOR,
    18: Exit.INVALID_STATE,
    19: Exit.STACK_OVERFLOW,
}
_ERROR_EXITS = {
    uc.UC_ERR_READ_UNMAPPED: Exit.READ_FAULT,
    uc.UC_ERR_READ_PROT: Exit.READ_FAULT,
    uc.UC_ERR_WRITE_UNMAPPED: Exit.WRITE_FAULT,
    uc.UC_ERR_WRITE_PROT: Exit.WRITE_FAULT,
    uc.UC_ERR_FETCH_UNMAPPED: Exit.FETCH_FAULT,
    uc.UC_ERR_FETCH_PROT: Exit.FETCH_FAULT,
    uc.UC_ERR_INSN_INVALID: Exit.UNDEFINED,
}
_REMOVE_CACHE = uc.UC_CTL_IO_WRITE << 30 | 2 << 26 | uc.UC_CTL_TB_REMOVE_CACHE
_NOT_RETIRED = {
    Exit.BKPT,
    Exit.BREAK,
    Exit.NO_COPROCESSOR,
    Exit.READ_FAULT,
    Exit.STACK_OVERFLOW,
    Exit.UNALIGNED,
    Exit.UNDEFINED,
    Exit.WRITE_FAULT,
}


class UnicornEngine:
    """One Cortex-M's instructions, executed by Unicorn."""

    def __init__(self, model: str, port: DataPort) -> None:
        if model not in MODELS:
            raise ValueError(f"there is no simulated CPU {model!r}; known are {', '.join(MODELS)}")
        self._uc = uc.Uc(uc.UC_ARCH_ARM, uc.UC_MODE_THUMB)
        self._uc.ctl_set_cpu_model(MODELS[model])
        self._handle = self._uc._uch  # noqa: SLF001 - the library calls below need it
        self._port = port
        self._buffers: list[Any] = []
        self.fault_address = 0
        self.executed = 0
        self._exit: Exit | None = None
        self._error: Exception | None = None
        self._snapshot: list[int] | None = None
        self._sinks: list[int] = []
        self._started = 0
        self._break_at = 0

        def batch(ids: list[int]) -> Batch:
            return Batch(uclib.uc_reg_read_batch, uclib.uc_reg_write_batch, self._handle, ids)

        self._registers = RegisterFile(batch, arm)
        self._floats = batch([*(getattr(arm, f"UC_ARM_REG_S{n}") for n in range(32)), arm.UC_ARM_REG_FPSCR])
        self._limits: StackLimits | None = None
        self._has_limits = model == "cortex-m33"
        self._calibrate()
        self._add_hooks()

    # --- memory

    def map_memory(self, base: int, buffer: memoryview, *, execute: bool) -> None:
        """See CpuEngine."""
        view = ctypes.c_char.from_buffer(buffer)
        self._buffers.append((view, buffer))
        perms = uc.UC_PROT_ALL if execute else uc.UC_PROT_READ | uc.UC_PROT_WRITE
        self._uc.mem_map_ptr(base, len(buffer), perms, ctypes.addressof(view))

    def map_io(self, base: int, size: int) -> None:
        """See CpuEngine."""
        port = self._port

        def read(_: object, offset: int, width: int, __: object) -> int:
            try:
                return port.io_read(base + offset, width)
            except Exception as error:  # noqa: BLE001 - it is raised again by run(), outside the library
                self.fail(error)
                return 0

        def write(_: object, offset: int, width: int, value: int, __: object) -> None:
            try:
                port.io_write(base + offset, value & (1 << 8 * width) - 1, width)
            except Exception as error:  # noqa: BLE001 - as above
                self.fail(error)

        self._uc.mmio_map(base, size, read, None, write, None)

    def trap_writes(self, base: int, size: int, call: DataCall) -> Callable[[bool], None]:
        """See CpuEngine."""
        return self._trap(uc.UC_HOOK_MEM_WRITE, base, size, call)

    def trap_reads(self, base: int, size: int, call: DataCall) -> Callable[[bool], None]:
        """See CpuEngine."""
        return self._trap(uc.UC_HOOK_MEM_READ, base, size, call)

    def _trap(self, kind: int, base: int, size: int, call: DataCall) -> Callable[[bool], None]:
        repair = self._registers.leave_it_block

        def hook(_: object, __: int, address: int, width: int, value: int, ___: object) -> None:
            try:
                call(address, value & (1 << 8 * width) - 1, width)
            except Exception as error:  # noqa: BLE001 - it is raised again by run(), outside the library
                self.fail(error)
            repair()

        first, last = base, base + size - 1
        # Switching by the bounds is 100 times cheaper than taking the hook out and in.
        try:
            return bounds_switch(self._uc.hook_add(kind, hook, begin=first, end=last), first, last, _NOWHERE)
        except LookupError as lost:
            raise EngineMissingError(_UNKNOWN_VERSION.format(lost)) from lost

    def watch_code(self, address: int, call: Callable[[int], None], last: int | None = None) -> Callable[[], None]:
        """See CpuEngine."""

        def hook(_: object, at: int, __: int, ___: object) -> None:
            try:
                call(at)
            except Exception as error:  # noqa: BLE001 - it is raised again by run(), outside the library
                self.fail(error)

        end = address if last is None else last
        handle = self._uc.hook_add(uc.UC_HOOK_CODE, hook, begin=address, end=end)
        self.invalidate(address, end - address + 2)

        def remove() -> None:
            self._uc.hook_del(handle)
            self.invalidate(address, end - address + 2)

        return remove

    def invalidate(self, address: int, length: int) -> None:
        """See CpuEngine."""
        if length:
            bounds = ctypes.c_uint64(address), ctypes.c_uint64(address + length)
            uclib.uc_ctl(self._handle, _REMOVE_CACHE, *bounds)

    # --- running

    def run(self, limit: int) -> Exit:
        """See CpuEngine."""
        return self._start(limit, _UNTIL)

    def step(self) -> Exit:
        """See CpuEngine."""
        pc = self._registers.pc
        first = self._halfword(pc)
        return Exit.FETCH_FAULT if first < 0 else self._start(1, pc + (4 if first >= 0xE800 else 2))

    def _start(self, limit: int, until: int) -> Exit:
        self._exit = self._snapshot = None
        self._started = self._registers.pc
        error = uclib.uc_emu_start(self._handle, self._started | 1, until, 0, limit)
        counter, stop = self._words
        self.executed = counter - 1 if counter > stop else counter
        if self._error is not None:
            failure, self._error = self._error, None
            raise failure
        for page in self._sinks:
            self._uc.mem_unmap(page, 0x1000)
        self._sinks.clear()
        if self._snapshot is not None:
            self.write_registers(self._snapshot)
            self.executed -= 1
            return Exit.ABORTED
        if error == uc.UC_ERR_OK and self._exit is None:
            return Exit.LIMIT if counter > stop or until != _UNTIL else Exit.WFI
        reason = self._reason(error)
        if reason is Exit.BREAK and self._registers.pc != self._break_at:
            return Exit.LIMIT  # inside an IT block, where the engine cannot stop
        if reason in _NOT_RETIRED and counter <= stop:
            self.executed -= 1
        return reason

    def _reason(self, error: int) -> Exit:
        reason = self._exit if self._exit is not None else _ERROR_EXITS.get(error)
        if reason is None:
            raise RuntimeError(f"unicorn stopped with an error that is not understood: {uc.UcError(error)}")
        if reason is Exit.UNDEFINED and not self._registers.thumb:
            return Exit.INVALID_STATE
        return reason

    def position(self) -> int:
        """See CpuEngine."""
        return self._words[0]

    def stop_after(self) -> None:
        """See CpuEngine."""
        self._words[1] = self._words[0]

    def stop_before(self) -> None:
        """See CpuEngine."""
        self._exit = Exit.BREAK
        self._break_at = self._registers.pc
        self._uc.emu_stop()

    def abort(self) -> None:
        """See CpuEngine."""
        if self._snapshot is None:
            self._snapshot = self.read_registers()
            self.stop_after()

    def fail(self, error: Exception) -> None:
        """See CpuEngine."""
        if self._error is None:
            self._error = error
        self.stop_after()

    # --- registers

    def read_registers(self) -> list[int]:
        """See CpuEngine."""
        return self._registers.read()

    def write_registers(self, registers: list[int]) -> None:
        """See CpuEngine."""
        self._registers.write(registers)

    def read_floats(self) -> list[int]:
        """See CpuEngine."""
        return self._floats.read()

    def write_floats(self, values: list[int]) -> None:
        """See CpuEngine."""
        self._floats.write(values)

    def read_limits(self) -> list[int]:
        """See CpuEngine."""
        return [0, 0] if self._limits is None else self._limits.read()

    def write_limits(self, limits: list[int]) -> None:
        """See CpuEngine."""
        if self._limits is not None:
            registers = self.read_registers()
            self._limits.write(limits)
            self.write_registers(registers)

    def read_masks(self) -> tuple[int, int, int]:
        """See CpuEngine."""
        return self._registers.masks()

    @property
    def privileged(self) -> bool:
        """See CpuEngine."""
        return self._registers.privileged

    @property
    def pc(self) -> int:
        """See CpuEngine."""
        return self._registers.pc

    # --- set-up

    def _calibrate(self) -> None:
        """Find the instruction counter by running a loop of known length."""
        self._uc.mem_map(0, 0x1000)
        self._uc.mem_write(0, b"\xfe\xe7")
        try:
            self._words = CounterPair(
                self._handle.value, lambda count: self._uc.emu_start(1, _UNTIL, count=count)
            ).words
            if self._has_limits:
                self._limits = StackLimits(self._uc, uclib, arm)
        except LookupError as lost:
            raise EngineMissingError(_UNKNOWN_VERSION.format(lost)) from lost
        self._uc.mem_unmap(0, 0x1000)

    def _add_hooks(self) -> None:
        add = self._uc.hook_add
        add(uc.UC_HOOK_INTR, self._on_interrupt)
        add(uc.UC_HOOK_INSN_INVALID, self._on_invalid)
        add(uc.UC_HOOK_MEM_INVALID, self._on_unmapped)

    def _on_interrupt(self, _: object, number: int, __: object) -> None:
        self._exit = _INTERRUPT_EXITS.get(number)
        if number == _PREFETCH_ABORT and self._has_limits and self._registers.pc < _EXECUTE_NEVER:
            self.fail(Unmodelled(f"BXNS or BLXNS to 0x{self._registers.pc:08X}: there is no TrustZone here"))
        if self._exit is None:
            self.fail(RuntimeError(f"unicorn raised exception {number}, which is not understood"))
        self._uc.emu_stop()

    def _on_invalid(self, _: object, __: object) -> bool:
        """WFE and YIELD come here too, with PC after them; a run always ends at either."""
        pc = self._registers.pc
        if self._words[0] == 1 and pc == self._started:
            return False  # the first instruction of the run, so PC has not moved: it is the undefined one
        if self._halfword(pc - 2) == 0xBF20 or (self._halfword(pc - 4), self._halfword(pc - 2)) == (0xF3AF, 0x8002):
            self._exit = Exit.WFE
        elif self._halfword(pc - 2) == 0xBF10 or (self._halfword(pc - 4), self._halfword(pc - 2)) == (0xF3AF, 0x8001):
            self._exit = Exit.LIMIT
        return False

    def _halfword(self, address: int) -> int:
        try:
            return int.from_bytes(self._uc.mem_read(address, 2), "little")
        except uc.UcError:
            return -1

    def _on_unmapped(self, _: object, access: int, address: int, width: int, value: int, __: object) -> bool:
        self.fault_address = address
        if access not in {uc.UC_MEM_WRITE_UNMAPPED, uc.UC_MEM_WRITE_PROT}:
            return False
        try:
            done = self._port.unmapped_write(address, value & (1 << 8 * width) - 1, width)
        except Exception as error:  # noqa: BLE001 - it is raised again by run(), outside the library
            self.fail(error)
            return False
        if done and access == uc.UC_MEM_WRITE_UNMAPPED:
            page = address & ~0xFFF
            self._uc.mem_map(page, 0x1000, uc.UC_PROT_WRITE)  # a sink: the store completes and is forgotten
            self._sinks.append(page)
        return done
