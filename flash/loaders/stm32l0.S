@ Flash of STM32L0: half pages of 64 bytes.

        .cpu    cortex-m0
        .include "frame.inc"

        .equ    HALF, 64
        .include "stm32l0.inc"
