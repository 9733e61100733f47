"""The list of hostile states: what each row is, what Haltpoint does about it, what others do by their sources."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PEERS", "ROWS", "Row"]

PEERS = (
    ("stlink", "733893a, October 2024"),
    ("OpenOCD", "abbbc2e, August 2026"),
    ("pyOCD", "d1974ff, July 2026"),
    ("probe-rs", "67993c4, August 2026"),
)
"""Program and the version whose source was read."""
NOTHING = ("-", "-", "-", "-")
UNREAD = ("not looked at",) * 4


@dataclass(frozen=True)
class Row:
    """``peers`` are in the order of PEERS. ``unseen``: why no simulated board shows it, "" where one does."""

    number: int
    title: str
    does: str
    back: str = ""
    peers: tuple[str, str, str, str] = NOTHING
    unseen: str = ""


ROWS: tuple[Row, ...] = (
    Row(
        1,
        "interrupts on or pending",
        "C_MASKINTS set while halted and kept, PRIMASK, SysTick off",
        "masks, SysTick, what was pending",
        (
            "C_MASKINTS (halt, mask, run)",
            "PRIMASK for the algorithm",
            "- (relies on reset and halt)",
            "reset and halt before; steps first",
        ),
    ),
    Row(
        2,
        "not in Thumb state",
        "writes xPSR whole",
        "xPSR",
        ("sets T", "writes xPSR whole", "at the algorithm's init only", "-"),
    ),
    Row(
        3,
        "halted inside a handler or an IT block",
        "writes xPSR whole; the loader needs no exception and does not return",
        "xPSR, active exceptions",
        ("-", "writes xPSR whole", "at the algorithm's init only", "-"),
    ),
    Row(
        4,
        "unprivileged, process stack, FP context",
        "CONTROL = 0, MSP of its own",
        "CONTROL, MSP, PSP",
        ("-", "CONTROL by Thread mode", "-", "-"),
    ),
    Row(
        5,
        "masked by the firmware",
        "FAULTMASK and BASEPRI cleared, PRIMASK set",
        "all three",
        ("-", "sets PRIMASK; FAULTMASK no", "-", "-"),
    ),
    Row(
        6,
        "RAM written by the running core",
        "halts before anything is read or written; the loader is read back before it runs",
        "the registers of the halt",
        ("halts first", "refuses unless halted", "halts", "halts"),
    ),
    Row(7, "vector table in flash or anywhere", "VTOR at a table of the loader's own", "VTOR"),
    Row(
        8,
        "watchdogs",
        "frozen while halted; the loader serves IWDG, and WWDG where its clock cannot be taken; both windows opened",
        "windows, prescaler, clock",
        (
            "freeze bits, and a refresh before each chunk",
            "freeze bits in the target's script",
            "freeze bits for built-in STM32",
            "-",
        ),
    ),
    Row(
        9,
        "DMA into RAM",
        "clocks of the bus masters off",
        "the clocks",
        ("DMA1 and DMA2 off", "- (reset init recommended)", "-", "- (reset)"),
    ),
    Row(
        10,
        "old errors in the flash's status",
        "cleared before, looked at after every operation",
        "they stay cleared",
        ("cleared before, looked at after", "cleared by most drivers", "as the FLM does", "as the FLM does"),
    ),
    Row(
        11,
        "leftovers in the flash's control register",
        "written whole; never started again when it goes back",
        "the register, but for bits that start something",
        ("masked or overwritten", "written whole", "as the FLM does", "as the FLM does"),
    ),
    Row(
        12,
        "controller locked until reset",
        "keys only to a closed lock; a sentence where it stays closed",
        "",
        ("looks at LOCK first", "looks at LOCK first", "as the FLM does", "as the FLM does"),
    ),
    Row(
        13,
        "operation under way, unit half written",
        "waits without writing; a half unit is given up where the family allows it, else a sentence",
        "the control register",
        ("waits", "waits", "as the FLM does", "as the FLM does"),
    ),
    Row(
        14,
        "HSI off",
        "switched on, the core put on it",
        "the clock as it was",
        ("- (a fix was not merged)", "-", "reset and halt", "reset and halt"),
    ),
    Row(
        15,
        "clock, wait states, voltage range",
        "runs from the internal oscillator, undivided, with wait states for any voltage; leaves low-power run",
        "clocks, wait states, mode",
        ("chooses x32 above 2.7 V", "x16 always on F2 and F4", "-", "-"),
    ),
    Row(
        16,
        "asleep",
        "halts; DBGMCU keeps the debug port alive in deeper modes",
        "registers of the halt",
        ("- on connecting", "DBGMCU in the script", "DBGMCU for built-in STM32", "DBGMCU by sequence"),
    ),
    Row(17, "MPU over RAM", "MPU off", "MPU_CTRL"),
    Row(18, "lazy FP stacking pending", "no FP instruction, no exception: it stays pending", "FPCCR, FPCAR, CPACR"),
    Row(
        19,
        "caches",
        "off while the loader runs, emptied before they go on again",
        "enables",
        ("in st-util around steps only", "around breakpoints in RAM only", "as the FLM does", "as the FLM does"),
    ),
    Row(
        20,
        "lockup",
        "a halt ends it",
        "PC = FFFFFFFE",
        ("- (tells it)", "tells it and gives up", "tells it", "tells it"),
    ),
    Row(
        21,
        "no way in: pins taken, no supply",
        "a sentence with what helps; --connect under-reset",
        "",
        ("--connect-under-reset", "connect_assert_srst", "connect_mode=under-reset", "--connect-under-reset"),
    ),
    Row(
        22,
        "protection",
        "read before anything is erased; a sentence",
        "nothing has been touched",
        ("names of error flags, late", "tells it", "-", "-"),
    ),
    Row(
        23,
        "left by another debugger",
        "comparators, DebugMonitor and other catches off; a reset is caught so that half an image does not start",
        "all of them",
        (
            "st-util clears FPB and DWT; st-flash -",
            "clears FPB and DWT on examine",
            "FPB off at init",
            "clears breakpoints on attach",
        ),
    ),
    Row(
        24,
        "RAM parity, ECC of RAM not initialised",
        "the loader's memory is written before it is read",
        unseen="no parity or ECC of RAM is modelled",
    ),
    Row(
        25,
        "wrong RAM in the chip table",
        "RAM's last word is asked for; every row of the table is tested",
        peers=("0x20000000 always", "work area from the script", "from the pack", "from YAML"),
        unseen="no state of the board; tests of the chip table stand for it",
    ),
    Row(
        26,
        "wrong loader for the core",
        "ARMv6-M code wherever a family has such cores; chosen by DEV_ID",
        peers=("by chip id since 1.7", "by flash driver", "by pack", "by YAML"),
        unseen="no state of the board; the loaders are assembled by tests",
    ),
    Row(
        27,
        "blank chip",
        "halts the locked-up core",
        "registers; the empty flag is cleared when there is an image",
        ("falls back to words on L1", "falls back to pages on L1", "-", "-"),
    ),
    Row(
        28,
        "reset or power loss during the load",
        "a sentence; the next load succeeds from whatever is there",
        "",
        ("-", "a sticky flag in its poll", "-", "-"),
    ),
    Row(
        29,
        "clones",
        "a barrier between a store and the first look at BSY",
        peers=("looks at BSY after the write", "the same", "-", "YAML for the chip"),
        unseen="no clone's timing is modelled",
    ),
    Row(
        30,
        "second core",
        "-",
        peers=("-", "separate targets, CTI", "-", "-"),
        unseen="the simulated chips have one core each",
    ),
    Row(
        31,
        "stack pointer at nothing, stack limits",
        "a stack of its own; ARMv8-M stack limits 0",
        "MSP, PSP, limits",
        (
            "loaders without stack",
            "no stack for most loaders",
            "stack from the FLM, canary",
            "fills and looks at the stack",
        ),
    ),
    Row(
        32,
        "NMI",
        "a handler of its own that returns; the flag of a failed crystal cleared",
        "an NMI that was pending has been taken",
        UNREAD,
    ),
    Row(
        33,
        "traps in CCR",
        "the loader has no unaligned access and no division; off for algorithms from packs",
        "CCR",
        UNREAD,
    ),
    Row(34, "flash interface without clock", "clock on", "the clock", UNREAD),
    Row(35, "SRAM at address 0", "the loader uses no address below its own", "SYSCFG", UNREAD),
    Row(36, "cycle counter in use", "TRCENA off while the loader runs", "DEMCR, DWT_CTRL", UNREAD),
)
