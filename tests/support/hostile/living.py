"""How firmware goes on after its settings: each function writes the code that runs for ever."""

from __future__ import annotations

from .chips import Facts
from .firmware import Firmware

__all__ = [
    "asleep",
    "asleep_on_exit",
    "asleep_with_events",
    "deep_asleep",
    "fault_in_systick",
    "in_an_interrupt",
    "in_hard_fault",
    "in_it_blocks",
    "in_nmi",
    "in_svc",
    "in_systick",
    "lazy_stacking",
    "locked_up",
    "mpu_no_execute",
    "mpu_read_only",
    "on_the_process_stack",
    "serving_nobody",
    "storming_ram",
    "unprivileged",
    "with_a_stack_limit",
    "with_all_pending",
    "with_an_even_reset_vector",
    "with_basepri",
    "with_faultmask",
    "with_floats",
    "with_primask",
    "without_stack",
]

SYST_CSR, SYST_RVR, SYST_CVR = 0xE000_E010, 0xE000_E014, 0xE000_E018
ICSR, SCR, CPACR = 0xE000_ED04, 0xE000_ED10, 0xE000_ED88
ISER, ISPR = 0xE000_E100, 0xE000_E200
MPU_CTRL, MPU_RBAR, MPU_RASR = 0xE000_ED94, 0xE000_ED9C, 0xE000_EDA0
NMI, HARD_FAULT, SVCALL, SYSTICK, IRQ_0 = 2, 3, 11, 15, 16
TICKING = ((SYST_RVR, 999), (SYST_CVR, 0), (SYST_CSR, 7))
PSP, MSPLIM, PSPLIM, BASEPRI, CONTROL = 9, 10, 11, 17, 20


def serving_nobody(code: Firmware, _facts: Facts) -> None:
    code.stay()


# --- in a handler


def _handler(code: Firmware, number: int) -> None:
    code.stay()
    code.vectors[number] = "handler"
    code.stay("handler")


def in_systick(code: Firmware, _facts: Facts) -> None:
    code.run(TICKING)
    _handler(code, SYSTICK)


def in_an_interrupt(code: Firmware, _facts: Facts) -> None:
    code.run(((ISER, 1 << 5), (ISPR, 1 << 5)))
    _handler(code, IRQ_0 + 5)


def in_svc(code: Firmware, _facts: Facts) -> None:
    code.svc(0)
    _handler(code, SVCALL)


def in_hard_fault(code: Firmware, _facts: Facts) -> None:
    code.udf()
    _handler(code, HARD_FAULT)


def in_nmi(code: Firmware, _facts: Facts) -> None:
    code.run(((ICSR, 1 << 31),))
    _handler(code, NMI)


def fault_in_systick(code: Firmware, _facts: Facts) -> None:
    code.run(TICKING).stay()
    code.vectors |= {SYSTICK: "tick", HARD_FAULT: "handler"}
    code.label("tick").udf()
    code.stay("handler")


def locked_up(code: Firmware, _facts: Facts) -> None:
    code.udf()
    code.vectors[HARD_FAULT] = "handler"
    code.label("handler").udf()


# --- modes, masks, stacks


def in_it_blocks(code: Firmware, _facts: Facts) -> None:
    code.half(0x4280).label("block")  # cmp r0, r0
    for _ in range(8):
        code.it("eq", "ttt").nop().nop().nop().nop()
    code.b("block")


def unprivileged(code: Firmware, facts: Facts) -> None:
    code.put(0, facts.ram + 0x400).msr(PSP, 0).movs(0, 3).msr(CONTROL, 0).stay()


def on_the_process_stack(code: Firmware, facts: Facts) -> None:
    code.put(0, facts.ram + 0x400).msr(PSP, 0).movs(0, 2).msr(CONTROL, 0).stay()


def with_primask(code: Firmware, _facts: Facts) -> None:
    code.cpsid().stay()


def with_faultmask(code: Firmware, _facts: Facts) -> None:
    code.cpsid_f().run(((ICSR, 1 << 28 | 1 << 26),)).stay()


def with_basepri(code: Firmware, _facts: Facts) -> None:
    code.movs(0, 0x10).msr(BASEPRI, 0).stay()


def with_all_pending(code: Firmware, _facts: Facts) -> None:
    code.cpsid().run(((ISER, 0xFFFF_FFFF), (ISPR, 0xFFFF_FFFF), (ICSR, 1 << 28 | 1 << 26))).stay()


def with_an_even_reset_vector(code: Firmware, _facts: Facts) -> None:
    code.reset_vector &= ~1
    _handler(code, HARD_FAULT)


def without_stack(code: Firmware, _facts: Facts) -> None:
    code.stack = 0x1FFF_0000 - 0x400_0000
    code.stay()


def with_a_stack_limit(code: Firmware, facts: Facts) -> None:
    limit = facts.ram + facts.ram_size - 0x1000
    code.stack = limit + 0x800
    code.put(0, limit).msr(MSPLIM, 0).msr(PSPLIM, 0).stay()


def _with_fpu(code: Firmware) -> None:
    code.run(((CPACR, 0xF << 20),)).half(0xF3BF, 0x8F6F, 0xEE00, 0x0A10)  # isb; vmov s0, r0


def with_floats(code: Firmware, _facts: Facts) -> None:
    _with_fpu(code)
    code.stay()


def lazy_stacking(code: Firmware, facts: Facts) -> None:
    _with_fpu(code)
    in_svc(code, facts)


# --- memory


def storming_ram(code: Firmware, facts: Facts) -> None:
    code.label("all").put(0, facts.ram).put(3, facts.ram + 0x1000).label("word")
    code.str_(2, 0).adds(0, 4).adds(2, 1).half(0x4298).b_if("ne", "word").b("all")  # cmp r0, r3


def _mpu(code: Firmware, facts: Facts, attributes: int, control: int) -> None:
    if facts.armv8:
        execute_never, read_only = attributes >> 28 & 1, attributes >> 24 & 4
        code.run(((MPU_RBAR, facts.ram | 2 | read_only | execute_never),))
        code.run(((MPU_RASR, facts.ram + facts.ram_size - 32 | 1), (MPU_CTRL, control)))
        asleep(code, facts)
        return
    size = (facts.ram_size - 1).bit_length() - 1
    code.run(((MPU_RBAR, facts.ram | 0x10), (MPU_RASR, attributes | size << 1 | 1), (MPU_CTRL, control)))
    asleep(code, facts)  # an MPU costs the simulator time at every instruction


def mpu_no_execute(code: Firmware, facts: Facts) -> None:
    _mpu(code, facts, 1 << 28 | 3 << 24, 5)


def mpu_read_only(code: Firmware, facts: Facts) -> None:
    _mpu(code, facts, 6 << 24, 7)


# --- asleep


def asleep(code: Firmware, _facts: Facts) -> None:
    code.label("sleep").wfi().b("sleep")


def asleep_with_events(code: Firmware, _facts: Facts) -> None:
    code.label("sleep").wfe().b("sleep")


def deep_asleep(code: Firmware, facts: Facts) -> None:
    code.run(((SCR, 4),))
    asleep(code, facts)


def asleep_on_exit(code: Firmware, facts: Facts) -> None:
    code.run(((SCR, 2), *TICKING))
    asleep(code, facts)
