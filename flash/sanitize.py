"""What firmware or another debugger may have left behind, made harmless before our code runs, and put back after.

The table below is for any Armv7-M core; the family's description adds what is the chip's. Left out of it, each
of these has been seen to break loaders: interrupts that fetch vectors from erased flash, a SysTick, a fault in
code that runs with FAULTMASK set (lockup), an unprivileged or process-stack CONTROL, an MPU that forbids
executing RAM, a watchpoint on the loader's memory, DMA into it, watchdogs, HSI off.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Sequence

from ..arm.memory import Memory
from ..arm.registers_core import Regsel, Special
from ..arm.registers_debug import DBGKEY, DEMCR, DFSR, DHCSR, FP_CTRL
from ..arm.registers_system import CCR, CFSR, HFSR, MPU_CTRL, SYST_CSR, VTOR
from ..probes.access import Batch, Slot
from ..probes.errors import HaltpointError, ProbeError
from .steps import Step

__all__ = ["ALL_STOPS", "TRAPS_OFF", "Sanitizer", "core_steps"]

log = logging.getLogger(__name__)

ALL = 0xFFFF_FFFF
WAIT_SECONDS = 0.1
"""HSI starts in microseconds; a clock switch takes some cycles."""

ALL_STOPS = DFSR.make(HALTED=1, BKPT=1, DWTTRAP=1, VCATCH=1, EXTERNAL=1)
"""Written to DFSR, these are forgotten."""
FAULT_CATCHES = DEMCR.make(VC_HARDERR=1, VC_INTERR=1, VC_BUSERR=1, VC_STATERR=1, VC_CHKERR=1, VC_NOCPERR=1, VC_MMERR=1)

TRAPS_OFF = Step(
    "CCR traps",
    "code that is not ours may access what is not aligned, and divide by zero (B3.2.8)",
    CCR.address,
    clear=CCR.make(UNALIGN_TRP=1, DIV_0_TRP=1),
)
"""For ARMv7-M and ARMv8-M mainline. Loaders of ours do neither; ARMv6-M always traps the one and has not the other."""


def core_steps(vector_table: int) -> tuple[Step, ...]:
    """The steps for the core, in order; ``vector_table`` is the loader's own. DDI0403E sections behind the names."""
    control = DHCSR.make(C_DEBUGEN=1, C_HALT=1, C_STEP=1, C_MASKINTS=1)
    return (
        Step(
            "DHCSR",
            "interrupts would fetch their vectors from flash that is being erased (C1.6.2: masked in a write that "
            "keeps the core halted)",
            DHCSR.address,
            clear=DHCSR.C_STEP.mask,
            set=DHCSR.make(C_DEBUGEN=1, C_HALT=1, C_MASKINTS=1),
            writable=control,
            key=DBGKEY,
            survives_reset=True,
        ),
        Step(
            "DEMCR",
            "a fault of the loader stops the core as a fault, a reset stops it before half-written firmware runs; "
            "watchpoints and the debug monitor are off (C1.6.5)",
            DEMCR.address,
            clear=DEMCR.make(MON_EN=1, MON_STEP=1, TRCENA=1),
            set=FAULT_CATCHES | DEMCR.VC_CORERESET.mask,
            survives_reset=True,
        ),
        Step(
            "FP_CTRL",
            "a breakpoint or patch would stop the loader or change what it reads (C1.11.3)",
            FP_CTRL.address,
            clear=FP_CTRL.ENABLE.mask,
            writable=FP_CTRL.ENABLE.mask,
            key=FP_CTRL.KEY.mask,
            survives_reset=True,
        ),
        Step(
            "VTOR",
            "NMI and HardFault cannot be masked: they find a vector that is not in flash (B3.2.5)",
            VTOR.address,
            clear=ALL,
            set=vector_table,
        ),
        Step(
            "MPU_CTRL",
            "the MPU may forbid executing or writing RAM (B3.5.5)",
            MPU_CTRL.address,
            clear=MPU_CTRL.ENABLE.mask,
        ),
        Step(
            "SYST_CSR",
            "SysTick would become pending while the loader runs (B3.3.3)",
            SYST_CSR.address,
            clear=SYST_CSR.ENABLE.mask,
            writable=SYST_CSR.make(ENABLE=1, TICKINT=1, CLKSOURCE=1),
        ),
        Step("CFSR", "an old fault is no fault of the loader (B3.2.15)", CFSR.address, set=ALL, restore=False),
        Step("HFSR", "the same (B3.2.16)", HFSR.address, set=ALL, restore=False),
        Step(
            "DFSR",
            "it must tell why the loader stopped (C1.6.1)",
            DFSR.address,
            set=ALL_STOPS,
            restore=False,
            survives_reset=True,
        ),
        Step(
            "PRIMASK",
            "privileged, main stack, no fault mask, interrupts off even where C_MASKINTS has errata (B1.4.3)",
            Regsel.SPECIAL,
            clear=ALL,
            set=Special.make(PRIMASK=1),
            core=True,
        ),
    )


class Sanitizer:
    """Carries out a table of steps on a halted core, and takes them back in reverse order.

    ``save``, then ``change``, then ``restore``. All raise what Memory raises.
    """

    def __init__(self, memory: Memory, steps: Sequence[Step]) -> None:
        self._memory = memory
        self.steps = tuple(steps)
        self._seen: dict[Step, int] = {}
        self._saved: dict[Step, int] = {}

    @property
    def masked(self) -> bool:
        """Whether C_MASKINTS has been set, so that writes that start or halt the core must keep it."""
        return any(step.address == DHCSR.address and step.set & DHCSR.C_MASKINTS.mask for step in self._saved)

    async def save(self) -> dict[str, int]:
        """Read all registers but those that have no clock yet, in one batch; their words by name. Changes nothing."""
        self._seen = {}
        await self._look([step for step in self.steps if not step.gated])
        return {step.name: word for step, word in self._seen.items()}

    async def _look(self, steps: Sequence[Step]) -> None:
        batch = Batch()
        words = {step: _read(batch, step) for step in steps if step.restore}
        await self._memory.run(batch)
        self._seen |= {step: _value(slot) for step, slot in words.items()}

    async def change(self) -> None:
        """Change what ``save`` has read, and what can be read then; ``restore`` undoes it, midway too."""
        for gated, steps in itertools.groupby(self.steps, key=lambda step: step.gated):
            group = list(steps)
            if gated:
                await self._look(group)
            await self._change(group)

    async def _change(self, steps: Sequence[Step]) -> None:
        batch = Batch()
        for step in steps:
            word = self._seen.get(step, 0)
            if step.restore:
                self._saved[step] = word
            if not step.needed(word):
                continue
            _write(batch, step, step.changed(word))
            if step.wait:
                batch.poll(step.wait_at or step.address, step.wait, step.wait_value, WAIT_SECONDS)
        await self._memory.run(batch)

    async def restore(self, *, after_reset: bool = False) -> None:
        """Put every register back that was changed; after a reset only those that a reset leaves alone.

        A register that refuses does not keep the others from being put back; the first error is raised at the end.
        """
        todo = [step for step in reversed(self.steps) if self._must_go_back(step, after_reset=after_reset)]
        batch = Batch()
        for step in todo:
            self._put_back(batch, step)
        try:
            await self._memory.run(batch)
        except ProbeError:
            raise
        except HaltpointError as error:
            log.warning("putting the target's registers back: %s Trying them one by one.", error)
            await self._restore_one_by_one(todo)
        self._saved = {}

    def _must_go_back(self, step: Step, *, after_reset: bool) -> bool:
        if step not in self._saved or not (step.flush or step.needed(self._saved[step])):
            return False
        return step.survives_reset or not after_reset

    def _put_back(self, batch: Batch, step: Step) -> None:
        saved = self._saved[step]
        if step.flush:
            _write(batch, step, step.changed(saved) | step.flush)
            _write(batch, step, step.changed(saved))
        _write(batch, step, step.back(saved))
        if step.wait and not step.wait_at:
            batch.poll(step.address, step.wait, saved & step.wait, WAIT_SECONDS)

    async def _restore_one_by_one(self, todo: Sequence[Step]) -> None:
        first: HaltpointError | None = None
        for step in todo:
            batch = Batch()
            self._put_back(batch, step)
            try:
                await self._memory.run(batch)
            except ProbeError:
                raise
            except HaltpointError as error:
                log.warning("putting %s back: %s", step.name, error)
                first = first or error
        if first:
            raise first


def _read(batch: Batch, step: Step) -> Slot[int] | Slot[tuple[int, ...]]:
    return batch.read_core(step.address) if step.core else batch.read(step.address)


def _value(slot: Slot[int] | Slot[tuple[int, ...]]) -> int:
    value = slot.value
    return value if isinstance(value, int) else value[0]


def _write(batch: Batch, step: Step, value: int) -> None:
    if step.opened_by:
        batch.write(*step.opened_by)
    if step.core:
        batch.write_core(step.address, value)
    else:
        batch.write(step.address, value)
