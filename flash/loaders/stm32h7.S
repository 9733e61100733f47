@ Flash of STM32H74x, H75x, H72x, H73x in words of 256 bits. RM0433 (programming: eight words in ascending order, the
@ controller begins with the last; sector erase). The second bank has its own registers 0x100 further on.
@ The window watchdog's clock cannot be switched off, so its counter is reloaded (RM0433).

        .cpu    cortex-m0
        .equ    WINDOWED, 1
        .include "frame.inc"

        .equ    SR, 0x10
        .equ    CR, 0x0C
        .equ    START, 7
        .equ    BYTES, 32
        .equ    STEP, 4
        .include "units.inc"
