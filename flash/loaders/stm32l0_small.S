@ Flash of STM32L01x and L02x, which have 2 KiB of RAM: as STM32L0, with a CRC table of 64 bytes.

        .cpu    cortex-m0
        .equ    INDEX, 4
        .include "frame.inc"

        .equ    HALF, 64
        .include "stm32l0.inc"
