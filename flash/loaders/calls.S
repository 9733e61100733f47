@ What functions of a CMSIS-Pack flash algorithm are called by and return to, and a checksum; for ARMv6-M and ARMv7-M
@ (DDI0419, DDI0403).
@
@ Position independent. A function is called by setting the core's registers, with LR at `done`; it has returned when the
@ core is halted by the BKPT there. Every exception leads to `trap`.
@
@ each, right behind `trap`: calls a function several times, until one call does not return 0
@   r0   the function
@   r1   the list: three arguments for each call
@   r2   how many calls
@ Returns the last result in r0, and in r1 how many calls have not returned 0. Uses r0 to r6, 20 bytes of stack.
@
@ entry: CRC-32 (IEEE 802.3, reflected), started with all ones, not inverted at the end, of areas
@   r0   the list: address, bytes for each; the bytes are replaced by the CRC
@   r1   how many areas
@ Returns 0. Uses r0 to r7, 20 bytes of stack; 23 cycles for a byte.

        .syntax unified
        .thumb
        .text

vectors: .space 64                      @ filled in by the host

done:   bkpt    #0
trap:   bkpt    #1

each:   push    {r4-r7, lr}
        movs    r4, r0
        movs    r5, r1
        movs    r6, r2
        movs    r0, #0
1:      cmp     r6, #0
        beq     2f
        ldmia   r5!, {r0-r2}
        blx     r4
        cmp     r0, #0
        bne     2f
        subs    r6, #1
        b       1b
2:      movs    r1, r6
        pop     {r4-r7, pc}

entry:  push    {r4-r7, lr}
        adr     r3, table
1:      cmp     r1, #0
        beq     4f
        ldmia   r0!, {r4, r5}
        movs    r2, #0
        mvns    r2, r2
        cmp     r5, #0
        beq     3f
2:      ldrb    r6, [r4]
        adds    r4, #1
        eors    r2, r6
        .rept   2                       @ four bits at a time
        lsls    r6, r2, #28
        lsrs    r6, r6, #26
        ldr     r6, [r3, r6]
        lsrs    r2, r2, #4
        eors    r2, r6
        .endr
        subs    r5, #1
        bne     2b
3:      subs    r0, #4
        stmia   r0!, {r2}
        subs    r1, #1
        b       1b
4:      movs    r0, #0
        pop     {r4-r7, pc}

        .balign 4
table:  .word   0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC  @ i shifted out by four bits through 0xEDB88320
        .word   0x76DC4190, 0x6B6B51F4, 0x4DB26158, 0x5005713C
        .word   0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C
        .word   0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C
mailbox:
