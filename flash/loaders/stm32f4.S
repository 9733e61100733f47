@ Flash of STM32F2, F4 and F7 in words (PSIZE 2, supply of 2.7 V and more). RM0090 3.6.3 (sector erase), 3.6.4
@ (programming), 3.6.2 (parallelism); the same in RM0033, RM0385.

        .cpu    cortex-m0
        .include "frame.inc"

        .equ    SR, 0x0C
        .equ    CR, 0x10
        .equ    START, 16               @ STRT
        .equ    BYTES, 4
        .equ    STEP, 4
        .include "units.inc"
