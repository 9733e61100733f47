@ Flash of STM32H7A3, H7B0, H7B3 in words of 128 bits. RM0455 (programming, sector erase); registers as in
@ STM32H74x, but START and SNB are elsewhere in CR.

        .cpu    cortex-m0
        .equ    WINDOWED, 1
        .include "frame.inc"

        .equ    SR, 0x10
        .equ    CR, 0x0C
        .equ    START, 5
        .equ    BYTES, 16
        .equ    STEP, 4
        .include "units.inc"
