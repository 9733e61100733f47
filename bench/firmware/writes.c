/* A hundred semihosting writes between two places a debugger can stop at. STM32F103. */
#include <stdint.h>

static void write0(const char *text)
{
    register uint32_t operation __asm__("r0") = 0x04; /* SYS_WRITE0 */
    register const char *parameter __asm__("r1") = text;
    __asm__ volatile("bkpt 0xAB" : "+r"(operation) : "r"(parameter) : "memory");
}

void SysTick_Handler(void)
{
}

__attribute__((noinline)) void before(void)
{
    __asm__ volatile("");
}

__attribute__((noinline)) void after(void)
{
    __asm__ volatile("");
}

int main(void)
{
    before();
    for (uint32_t count = 0; count < 100; count++)
        write0("Sixteen letters\n");
    for (;;)
        after();
}
