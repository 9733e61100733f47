@ Flash of STM32F2, F4 and F7 in half-words (PSIZE 1, supply below 2.7 V). RM0090 3.6.2 to 3.6.4.

        .cpu    cortex-m0
        .include "frame.inc"

        .equ    SR, 0x0C
        .equ    CR, 0x10
        .equ    START, 16               @ STRT
        .equ    BYTES, 4
        .equ    STEP, 2
        .include "units.inc"
