@ Flash of STM32H5 in quad words: RM0481 7.3.5 (programming, sector erase); the non-secure registers, with the bits of
@ STM32H7A. The window watchdog's clock cannot be switched off, so its counter is reloaded.

        .cpu    cortex-m0
        .equ    WINDOWED, 1
        .include "frame.inc"

        .equ    SR, 0x20
        .equ    CR, 0x28
        .equ    START, 5
        .equ    BYTES, 16
        .equ    STEP, 4
        .include "units.inc"
