"""The states themselves: each one name, how a board gets into it, and where it exists."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from haltpoint.sim.board import Board
from support.flash_bench import Bench

from . import debugger, living
from .chips import Facts
from .firmware import Firmware, Op

__all__ = ["STATES", "State"]

SYST_CSR, SYST_RVR, SYST_CVR, ISPR = 0xE000_E010, 0xE000_E014, 0xE000_E018, 0xE000_E200
ICSR, VTOR, SCR, CCR, MPU_CTRL = 0xE000_ED04, 0xE000_ED08, 0xE000_ED10, 0xE000_ED14, 0xE000_ED94
FPCCR, DWT_CTRL, FP_CTRL, DHCSR, DEMCR = 0xE000_EF34, 0xE000_1000, 0xE000_2000, 0xE000_EDF0, 0xE000_EDFC
PC, XPSR, MSP, SPECIAL = 15, 16, 17, 20
IPSR = 0x1FF
EVERYTHING = 0xFFFF_FFFF


@dataclass(frozen=True)
class State:
    """``how`` is told in the document. What makes it, in this order:

    ``option`` of the board; ``recipe`` of the chip and ``ops``, which firmware carries out; ``life``, how firmware goes
    on; ``earlier``, what is done to the board before Haltpoint connects; ``touch``, after it has connected. ``needs``
    are attributes of Facts; ``running``: the core runs when the load begins; ``alone``: not to be mixed with others.
    """

    name: str
    row: int
    how: str
    ops: tuple[Op, ...] = ()
    recipe: str = ""
    life: Callable[[Firmware, Facts], None] | None = None
    earlier: Callable[[Board, Facts], None] | None = None
    touch: Callable[[Bench, Facts], Awaitable[None]] | None = None
    option: str = ""
    needs: tuple[str, ...] = ()
    leftover: str = ""
    running: bool = False
    blank: bool = False
    alone: bool = False
    sign: tuple[int, int, int] | None = None
    """What shows that the board is in the state: address or REGSEL number, mask, value."""

    used_up: tuple[str, ...] = ()
    """Registers that are not put back, because what they told is no longer so."""

    @property
    def of_the_chip(self) -> bool:
        """Whether it is about more than the core."""
        return bool(self.recipe or self.leftover or self.option or self.blank or self.row in {10, 13})

    def shown_on(self, facts: Facts) -> bool:
        """Whether the chip has what it takes; a second chip with the same core shows what is the chip's."""
        return (
            (self.of_the_chip or not facts.same_core)
            and all(getattr(facts, name) for name in self.needs)
            and (not self.recipe or self.recipe in facts.recipes)
            and (not self.leftover or self.leftover in facts.leftovers)
        )


def _left(row: int, name: str, what: str) -> State:
    return State(name, row, f"the control register unlocked, {what}", leftover=name.removeprefix("left: "))


STATES: tuple[State, ...] = (
    State(
        "SysTick",
        1,
        "SysTick at 1000 cycles, a handler that returns",
        ((SYST_RVR, 999), (SYST_CVR, 0), (SYST_CSR, 7)),
        sign=(SYST_CSR, 7, 7),
    ),
    State(
        "SysTick storm",
        1,
        "SysTick every 300 cycles",
        ((SYST_RVR, 299), (SYST_CVR, 0), (SYST_CSR, 7)),
        sign=(SYST_CSR, 7, 7),
    ),
    State(
        "all interrupts pending",
        1,
        "every interrupt enabled and pending, PendSV and SysTick too, under PRIMASK",
        life=living.with_all_pending,
        sign=(ISPR, 1, 1),
    ),
    State(
        "pending while halted",
        1,
        "the same, set by a debugger on the halted core",
        touch=debugger.pend_everything,
        sign=(ISPR, 1, 1),
    ),
    State(
        "not in Thumb state",
        2,
        "EPSR.T cleared on the halted core",
        touch=debugger.leave_thumb_state,
        sign=(XPSR, 1 << 24, 0),
    ),
    State(
        "even reset vector",
        2,
        "the reset vector has bit 0 clear",
        life=living.with_an_even_reset_vector,
        sign=(XPSR, IPSR, 3),
    ),
    State(
        "in SysTick handler", 3, "a SysTick handler that does not return", life=living.in_systick, sign=(XPSR, IPSR, 15)
    ),
    State(
        "in interrupt",
        3,
        "an interrupt handler that does not return",
        life=living.in_an_interrupt,
        sign=(XPSR, IPSR, 21),
    ),
    State("in SVC", 3, "an SVC handler that does not return", life=living.in_svc, sign=(XPSR, IPSR, 11)),
    State(
        "in HardFault",
        3,
        "an undefined instruction, a HardFault handler that loops",
        life=living.in_hard_fault,
        sign=(XPSR, IPSR, 3),
    ),
    State(
        "HardFault in SysTick",
        3,
        "an undefined instruction in the SysTick handler",
        life=living.fault_in_systick,
        sign=(XPSR, IPSR, 3),
    ),
    State("in IT block", 3, "a loop of IT blocks", life=living.in_it_blocks, needs=("mainline",)),
    State(
        "IT bits left",
        3,
        "xPSR's IT bits set on the halted core",
        touch=debugger.set_it_bits,
        needs=("mainline",),
        sign=(XPSR, 0x0600_FC00, 0x0400_0800),
    ),
    State(
        "unprivileged",
        4,
        "CONTROL = 3, a process stack",
        life=living.unprivileged,
        needs=("mainline",),
        sign=(SPECIAL, 3 << 24, 3 << 24),
    ),
    State("process stack", 4, "CONTROL.SPSEL", life=living.on_the_process_stack, sign=(SPECIAL, 2 << 24, 2 << 24)),
    State(
        "floating-point context",
        4,
        "CONTROL.FPCA",
        life=living.with_floats,
        needs=("fpu",),
        sign=(SPECIAL, 4 << 24, 4 << 24),
    ),
    State("PRIMASK", 5, "cpsid i", life=living.with_primask, sign=(SPECIAL, 1, 1)),
    State(
        "FAULTMASK",
        5,
        "cpsid f, PendSV and SysTick pending",
        life=living.with_faultmask,
        needs=("mainline",),
        sign=(SPECIAL, 1 << 16, 1 << 16),
    ),
    State(
        "BASEPRI", 5, "BASEPRI = 0x10", life=living.with_basepri, needs=("mainline",), sign=(SPECIAL, 0xFF00, 0x1000)
    ),
    State(
        "RAM written by the running core",
        6,
        "a loop that overwrites all RAM; the core runs when the load begins",
        life=living.storming_ram,
        running=True,
    ),
    State(
        "VTOR in RAM",
        7,
        "VTOR where the loader goes",
        ((VTOR, 0x2000_0400),),
        needs=("vtor",),
        sign=(VTOR, EVERYTHING, 0x2000_0400),
    ),
    State(
        "VTOR at nothing",
        7,
        "VTOR at an empty address",
        ((VTOR, 0x1800_0000),),
        needs=("vtor",),
        sign=(VTOR, EVERYTHING, 0x1800_0000),
    ),
    State("independent watchdog", 8, "IWDG, 120 to 150 ms, not served", recipe="watchdog"),
    State(
        "fast watchdog",
        8,
        "IWDG, 16 to 20 ms, not served: sooner than connecting takes",
        recipe="fast watchdog",
        alone=True,
    ),
    State("hardware watchdog", 8, "the option byte starts IWDG at every reset", option="iwdg=hardware"),
    State("window of the independent watchdog", 8, "IWDG_WINR = 300 of 1200", recipe="watchdog window"),
    State("window watchdog", 8, "WWDG, window open", recipe="window watchdog"),
    State("closed window watchdog", 8, "WWDG, window closed for the first half", recipe="closed window"),
    State(
        "DMA into RAM", 9, "a circular channel at 500 kHz to the begin of RAM", recipe="dma", touch=debugger.request_dma
    ),
    State("stale errors", 10, "a store to flash that was not set up", recipe="", touch=debugger.provoke_error),
    _left(11, "left: programming", "PG (PROG) set"),
    _left(11, "left: erase", "a page or sector erase prepared"),
    _left(11, "left: mass erase", "a mass or bank erase prepared"),
    _left(11, "left: half pages", "FPRG set"),
    _left(11, "left: interrupts", "the controller's interrupts on"),
    _left(11, "left: all", "all of these at once"),
    State(
        "erase under way",
        13,
        "an erase started on the halted core just before the load",
        touch=debugger.start_erase,
        needs=("start_erase",),
    ),
    State(
        "half-written unit",
        13,
        "the first word of a unit of programming stored",
        touch=debugger.half_a_unit,
        needs=("gathers",),
    ),
    State("HSI off", 14, "the core on the crystal, the internal oscillator off", recipe="crystal"),
    State("fastest clock", 15, "PLL at the chip's limit, wait states, caches as they belong", recipe="fast"),
    State("slowest clock", 15, "the largest divider or the slowest oscillator", recipe="slow"),
    State("low-power run", 15, "low-power run mode", recipe="low power"),
    State("voltage range 2", 15, "the core voltage at range 2", recipe="range 2"),
    State("asleep", 16, "WFI in a loop", life=living.asleep),
    State("asleep with events", 16, "WFE in a loop", life=living.asleep_with_events),
    State("sleep on exit", 16, "SCR.SLEEPONEXIT, woken by SysTick", life=living.asleep_on_exit, sign=(SCR, 2, 2)),
    State(
        "MPU: RAM not executable",
        17,
        "a region over RAM, execute never",
        recipe="",
        life=living.mpu_no_execute,
        needs=("mpu",),
        sign=(MPU_CTRL, 1, 1),
    ),
    State(
        "MPU: RAM not writable",
        17,
        "a region over RAM, read-only, also in faults",
        life=living.mpu_read_only,
        needs=("mpu",),
        sign=(MPU_CTRL, 3, 3),
    ),
    State(
        "lazy stacking pending",
        18,
        "an exception with FP context, FPCCR.LSPACT",
        life=living.lazy_stacking,
        needs=("fpu",),
        sign=(FPCCR, 1, 1),
    ),
    State("prefetch and flash caches", 19, "the caches of the flash interface on", recipe="prefetch"),
    State("L1 caches", 19, "I and D cache on", recipe="caches"),
    State("lockup", 20, "a fault in the HardFault handler", life=living.locked_up, sign=(PC, EVERYTHING, 0xFFFF_FFFE)),
    State("watchpoint on the loader", 23, "DWT comparator 0 on RAM's begin", touch=debugger.watch_the_loader),
    State(
        "breakpoints of another debugger",
        23,
        "all FPB comparators on the loader's addresses",
        touch=debugger.break_in_the_loader,
        sign=(FP_CTRL, 1, 1),
    ),
    State(
        "catches of another debugger",
        23,
        "DEMCR: all catches, DebugMonitor, pending",
        touch=debugger.catch_everything,
        sign=(DEMCR, 1, 1),
    ),
    State("masked by another debugger", 23, "DHCSR.C_MASKINTS set", touch=debugger.mask_interrupts, sign=(DHCSR, 8, 8)),
    State(
        "debugger that went away",
        23,
        "halted, comparators and VC_CORERESET on, nobody connected",
        earlier=debugger.go_away,
    ),
    State(
        "blank chip",
        27,
        "nothing in the flash: no vectors, lockup at once",
        blank=True,
        alone=True,
        used_up=("0x40022000",),
    ),
    State(
        "stack at nothing",
        31,
        "the stack pointer at an empty address",
        life=living.without_stack,
        sign=(MSP, EVERYTHING, 0x1BFF_0000),
    ),
    State("stack limit", 31, "MSPLIM and PSPLIM at the end of RAM", life=living.with_a_stack_limit, needs=("armv8",)),
    State("in NMI", 32, "an NMI handler that does not return", life=living.in_nmi, sign=(XPSR, IPSR, 2)),
    State(
        "NMI pending",
        32,
        "ICSR.NMIPENDSET on the halted core",
        touch=debugger.pend_nmi,
        sign=(ICSR, 1 << 31, 1 << 31),
    ),
    State(
        "traps",
        33,
        "CCR.UNALIGN_TRP, DIV_0_TRP",
        ((CCR, 0x18),),
        life=living.asleep,
        needs=("mainline",),
        alone=True,
        sign=(CCR, 0x18, 0x18),
    ),
    State(
        "flash interface without clock",
        34,
        "its bit in RCC's enable register clear while asleep",
        recipe="flash clock off",
    ),
    State("memory remapped", 35, "SRAM at address 0", recipe="remap"),
    State(
        "cycle counter",
        36,
        "DWT and its cycle counter running",
        ((DEMCR, 1 << 24), (DWT_CTRL, 1)),
        needs=("mainline",),
        sign=(DWT_CTRL, 1, 1),
    ),
)
"""By the rows of ``rows``."""
