"""Steps that many families need, each with its own registers and masks."""

from __future__ import annotations

from ..steps import Step

__all__ = [
    "READOUT_CURE",
    "WINDOW_WATCHDOG_KEPT",
    "WRITE_CURE",
    "caches",
    "clock",
    "clock_security",
    "debug",
    "kicks",
    "low_power_run",
    "masters",
    "window",
]

WINDOW_WATCHDOG_KEPT = (
    "the window watchdog cannot be stopped: its window is opened and its prescaler slowest, "
    "so that the loader can reload it at any time"
)
READOUT_CURE = "run 'haltpoint unlock' (in GDB 'monitor unlock'), then switch the board off and on."
WRITE_CURE = "Run 'haltpoint unlock' (in GDB 'monitor unlock'), then switch the board off and on."
FREEZE = 1 << 11 | 1 << 12
"""DBG_WWDG_STOP, DBG_IWDG_STOP: at the same place in all but F1 and H7."""


def debug(base: int, low_power: int, freeze: int = 0x08, clock: tuple[str, int, int] | None = None) -> tuple[Step, ...]:
    """DBGMCU: ``low_power`` bits of CR, offset of the freeze register, where its ``clock`` is (name, address, mask)."""
    steps = [
        Step(
            "DBGMCU_CR",
            "sleep modes keep the debug port alive",
            base + 4,
            set=low_power,
            survives_reset=True,
            gated=clock is not None,
        ),
        Step(
            "DBGMCU_APB1FZR1",
            "the watchdogs stand still while the core is halted",
            base + freeze,
            set=FREEZE,
            survives_reset=True,
            gated=clock is not None,
        ),
    ]
    if clock:
        name, address, mask = clock
        steps.insert(0, Step(name, "DBGMCU can be written only with its clock on", address, set=mask))
    return tuple(steps)


def caches(acr: int, latency: int, wait_states: int, enables: int, resets: int) -> Step:
    """FLASH_ACR: caches and prefetch off and emptied before they go on again; ``latency`` is the mask of its field."""
    return Step(
        "FLASH_ACR",
        "the caches would keep what is programmed over, and are emptied before they go on again; "
        "wait states that are enough for any clock and core voltage",
        acr,
        clear=latency | enables | resets,
        set=wait_states,
        flush=resets,
    )


def low_power_run(cr1: int, *, gated: bool = False) -> Step:
    """PWR_CR1.LPR and PWR_SR2.REGLPF, at the same place in all families that have them."""
    return Step(
        "PWR_CR1",
        "in low-power run mode the clock may not exceed 2 MHz",
        cr1,
        clear=1 << 14,
        wait_at=cr1 + 0x14,
        wait=1 << 9,
        gated=gated,
    )


def clock_security(name: str, address: int, mask: int, *, shared: bool = False) -> Step:
    """The flag of a clock that failed (CSSF), whose NMI would come again and again; ``mask`` is CSSC, which clears it.

    ``shared``: the register has interrupt enables, too, which are kept.
    """
    why = "the NMI of a failed crystal cannot be masked, and would come again and again while its flag is set"
    return Step(name, why, address, set=mask, restore=shared)


def clock(
    rcc: int, *, on: int, ready: int, divider: int = 0, division: int = 0, switch: tuple[int, int, int, int]
) -> tuple[Step, ...]:
    """The internal oscillator on and chosen: ``switch`` is (mask of SW and HPRE, SW, mask of SWS, SWS) of CFGR."""
    clear, chosen, status, shown = switch
    return (
        Step(
            "RCC_CR",
            "the internal oscillator is a clock that is always there",
            rcc,
            clear=divider,
            set=on | division,
            wait=ready,
            wait_value=ready,
        ),
        Step(
            "RCC_CFGR",
            "the core runs from the internal oscillator, undivided: no overclocking, no crawling, a known speed",
            rcc + 8,
            clear=clear,
            set=chosen,
            wait=status,
            wait_value=shown,
        ),
    )


def masters(name: str, address: int, off: int, on: int = 0) -> Step:
    """The clocks of bus masters besides the core go off, that of the flash interface on."""
    return Step(
        name,
        "DMA would write into the loader's memory; the flash interface needs its clock",
        address,
        clear=off,
        set=on,
    )


def kicks(iwdg: int) -> Step:
    """IWDG_WINR (RM0091, IWDG registers): all independent watchdogs but those of F1, F2, F4 and L1 have it there."""
    return Step(
        "IWDG_WINR",
        "a refresh above the window resets the chip, and the loader refreshes often",
        iwdg + 0x10,
        set=0xFFF,
        opened_by=(iwdg, 0x5555),
        wait_at=iwdg + 0xC,
        wait=1 << 2,
    )


def window(cfr: int, prescaler: int) -> Step:
    """WWDG_CFR: W fully open, ``prescaler`` the mask of WDGTB."""
    return Step("WWDG_CFR", WINDOW_WATCHDOG_KEPT, cfr, set=0x7F | prescaler)
