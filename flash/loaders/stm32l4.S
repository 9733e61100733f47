@ Flash in double words behind SR and CR at 10 and 14: STM32L4, L4+, G0, G4, C0, WB, WL. RM0351 3.3.5 (page erase), 3.3.7
@ (programming: two words, one after the other); the same in RM0440, RM0444, RM0490, RM0434, RM0453.
@ The window watchdog's clock cannot be switched off on these, so its counter is reloaded (RM0351).

        .cpu    cortex-m0
        .equ    WINDOWED, 1
        .include "frame.inc"

        .equ    SR, 0x10
        .equ    CR, 0x14
        .equ    START, 16               @ STRT
        .equ    BYTES, 8
        .equ    STEP, 4
        .include "units.inc"
