@ Flash of STM32L1: half pages of 128 bytes.

        .cpu    cortex-m0
        .include "frame.inc"

        .equ    HALF, 128
        .include "stm32l0.inc"
