@ Erases and programs the flash of STM32F1 (and of F0 and F3, whose controller is the same). PM0075; RM0008 3.3.3.
@ Frame, stream and register use: frame.inc. The host has unlocked the controller, checked protection, switched HSI on.

        .cpu    cortex-m0
        .include "frame.inc"

        .equ    SR, 0x0C                @ PM0075 3.4; bank 2 of XL density has its own set 0x40 further on
        .equ    CR, 0x10
        .equ    AR, 0x14

        .equ    PG, 0x01                @ CR
        .equ    PER, 0x02
        .equ    STRT, 0x40
        .equ    ERRORS, 0x14 >> 1       @ SR: WRPRTERR (bit 4), PGERR (bit 2), after BSY (bit 0) has been shifted out

@ Page erase, PM0075 2.3.3: PER, then the address, then STRT, then wait for BSY to fall.
erase:  movs    r0, #PER
        str     r0, [r4, #CR]
        str     r5, [r4, #AR]
        movs    r0, #(PER | STRT)
        str     r0, [r4, #CR]
        str     r5, [r7, #ADDRESS]      @ also the clock that BSY may need to rise
        bl      settle
idle:   movs    r0, #0
        str     r0, [r4, #CR]
        b       command

@ Programming, PM0075 2.3.2: PG, then half-words, each after BSY has fallen. The next word is fetched and its place
@ made ready while the flash is busy, so that the time between two half-words is the poll alone.
program: movs   r0, #PG
        str     r0, [r4, #CR]
1:      bl      next
        bl      half
        lsrs    r0, r0, #16
        bl      half
        subs    r6, #4
        bne     1b
        bl      settle
        b       idle

@ Program the low half of r0 at r5 once the half-word before is done. FFFF is what erased flash holds: nothing to do.
half:   uxth    r1, r0
        adds    r1, #1
        lsrs    r1, r1, #16
        bne     3f
        lsls    r1, r5, #26
        bne     1f
        ldr     r1, kick                @ every 64 bytes, 2 ms
        ldr     r2, [r7, #WATCHDOG]
        str     r1, [r2]
1:      movs    r3, #ERRORS
2:      ldr     r1, [r4, #SR]
        lsrs    r1, r1, #1
        bcs     2b
        tst     r1, r3
        bne     failed
        strh    r0, [r5]
        str     r5, [r7, #ADDRESS]
3:      adds    r5, #2
        bx      lr

@ Wait for BSY to fall, keeping the watchdog quiet; leave by way of `failed` if there was an error.
settle: ldr     r1, kick
        ldr     r2, [r7, #WATCHDOG]
        str     r1, [r2]
        movs    r2, #255
1:      ldr     r1, [r4, #SR]
        lsrs    r1, r1, #1
        bcc     2f
        subs    r2, #1
        bne     1b
        b       settle
2:      movs    r3, #ERRORS
        tst     r1, r3
        bne     failed
        bx      lr

failed: lsls    r1, r1, #1
        str     r1, [r7, #DETAIL]
        movs    r0, #FLASH_ERROR
        b       finish
