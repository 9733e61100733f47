/* Writes two lines through semihosting, then counts. */
#include <stdint.h>

#define SYS_WRITE0 0x04u
#define SYS_WRITEC 0x03u

volatile uint32_t count;

static uint32_t call_host(uint32_t operation, const void *argument)
{
    register uint32_t r0 __asm("r0") = operation;
    register const void *r1 __asm("r1") = argument;
    __asm volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

int main(void)
{
    static const char last[] = "C\n";
    call_host(SYS_WRITE0, "hello from the board\n");
    call_host(SYS_WRITEC, &last[0]);
    call_host(SYS_WRITEC, &last[1]);
    for (;;)
        count++;
}
