/* Writes "tick" to stimulus port 0 of the ITM, again and again, once a debugger has switched it on. */
#include <stdint.h>

#define REG(address) (*(volatile uint32_t *)(address))
#define ITM_PORT 0xE0000000u
#define ITM_TER REG(0xE0000E00)
#define ITM_TCR REG(0xE0000E80)

volatile uint32_t rounds;

static void put(char letter)
{
    while (!(REG(ITM_PORT) & 1u)) {
    }
    *(volatile uint8_t *)ITM_PORT = (uint8_t)letter;
}

int main(void)
{
    for (;;) {
        if (ITM_TCR & 1u && ITM_TER & 1u)
            for (const char *letter = "tick\n"; *letter; letter++)
                put(*letter);
        for (volatile int wait = 0; wait < 20000; wait++) {
        }
        rounds++;
    }
}
