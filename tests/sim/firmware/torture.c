/* Checks itself while SysTick, PendSV, two nested interrupts, SVC and a repaired HardFault interrupt it all the time. */
#include <stdint.h>

#define REG(address) (*(volatile uint32_t *)(address))
#ifndef THREAD_CONTROL
#define THREAD_CONTROL 2
#endif

volatile uint32_t ticks, svcs, pends, irq0s, irq1s, faults, errors, rounds, sleeps, quotient;
static uint32_t thread_stack[256];

void systick(void) {
    ticks++;
    if ((ticks & 3) == 0) REG(0xE000ED04) = 1u << 28;
    if ((ticks & 7) == 0) REG(0xE000E200) = 1;
}

void pendsv(void) { pends++; }

void svc_in_c(uint32_t *frame) {
    svcs++;
    frame[0] = frame[0] * 3 + 1;
}

__attribute__((naked)) void svc(void) {
    __asm volatile("mrs r0, psp\n push {r4, lr}\n bl svc_in_c\n pop {r4, pc}");
}

void irq0(void) {
    uint32_t before = irq1s;
    irq0s++;
    REG(0xE000E200) = 2;
    __asm volatile("dsb\n isb\n nop\n nop");
    if (irq1s != before + 1) errors |= 1;
}

void irq1(void) { irq1s++; }

__attribute__((naked)) void hardfault(void) {
    __asm volatile(
        "tst lr, #4\n ite eq\n mrseq r0, msp\n mrsne r0, psp\n"
        "ldr r1, [r0, #24]\n adds r1, #2\n str r1, [r0, #24]\n"
        "ldr r0, =faults\n ldr r1, [r0]\n adds r1, #1\n str r1, [r0]\n bx lr\n .ltorg");
}

static uint32_t crc(const uint8_t *at, uint32_t length) {
    uint32_t value = ~0u;
    while (length--) {
        value ^= *at++;
        for (int bit = 0; bit < 8; bit++) value = value & 1 ? (value >> 1) ^ 0xEDB88320u : value >> 1;
    }
    return ~value;
}

static uint32_t call(uint32_t argument) {
    register uint32_t r0 __asm("r0") = argument;
    __asm volatile("svc 7" : "+r"(r0)::"memory");
    return r0;
}

static void sort(uint32_t *data, int count) {
    for (int i = 1; i < count; i++) {
        uint32_t value = data[i];
        int j = i;
        for (; j > 0 && data[j - 1] > value; j--) data[j] = data[j - 1];
        data[j] = value;
    }
}

void thread(void) {
    uint32_t seed = 1, data[32];
    for (;;) {
        for (int i = 0; i < 32; i++) data[i] = seed = seed * 1664525u + 1013904223u;
        uint32_t sum = crc((uint8_t *)data, 128);
        if (sum != crc((uint8_t *)data, 128)) errors |= 2;
        sort(data, 32);
        for (int i = 1; i < 32; i++)
            if (data[i - 1] > data[i]) errors |= 4;
        if (call(rounds) != rounds * 3 + 1) errors |= 8;
        __asm volatile(".hword 0xde00");
        __asm volatile("cpsid i");
        uint32_t before = ticks;
        for (volatile int i = 0; i < 200; i++) {}
        if ((THREAD_CONTROL & 1) == 0 && before != ticks) errors |= 16;
        __asm volatile("cpsie i");
        quotient = seed / (sum | 1);
        if (quotient * (sum | 1) + seed % (sum | 1) != seed) errors |= 32;
        if ((rounds & 7) == 0) {
            __asm volatile("wfi");
            sleeps++;
        }
        rounds++;
    }
}

void reset(void) {
    for (volatile uint32_t *at = (uint32_t *)0x20000000; at < (uint32_t *)0x20001000; at++) *at = 0;
    REG(0xE000ED20) = 0x40C00000;
    REG(0xE000E400) = 0x00002060;
    REG(0xE000E100) = 3;
    REG(0xE000E014) = 3999;
    REG(0xE000E018) = 0;
    REG(0xE000E010) = 7;
    __asm volatile("msr psp, %0\n msr control, %1\n isb\n b thread" ::"r"(&thread_stack[256]), "r"(THREAD_CONTROL));
}

__attribute__((section(".vectors"), used)) const void *vectors[18] = {
    [0] = (void *)0x20005000, [1] = reset, [3] = hardfault, [11] = svc, [14] = pendsv, [15] = systick, [16] = irq0, [17] = irq1,
};
