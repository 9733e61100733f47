@ Flash of STM32L5 in double words. RM0438 6.3.6 (page erase), 6.3.7 (programming); the non-secure registers.
@ The window watchdog's clock cannot be switched off, so its counter is reloaded.

        .cpu    cortex-m0
        .equ    WINDOWED, 1
        .include "frame.inc"

        .equ    SR, 0x20
        .equ    CR, 0x28
        .equ    START, 16               @ STRT
        .equ    BYTES, 8
        .equ    STEP, 4
        .include "units.inc"
