/* Blink: a small firmware worth stepping through. STM32F103, 8 MHz internal clock, LED on PC13.
 *
 * SysTick counts milliseconds. Every ten of them the main loop toggles the LED, scales a counter
 * and remembers the last eight results.
 */
#include <stdint.h>

#define REG(address) (*(volatile uint32_t *)(address))
#define RCC_APB2ENR REG(0x40021018)
#define GPIOC_CRH REG(0x40011004)
#define GPIOC_ODR REG(0x4001100C)
#define SYST_CSR REG(0xE000E010)
#define SYST_RVR REG(0xE000E014)
#define SYST_CVR REG(0xE000E018)

#define CORE_HZ 8000000u
#define PERIOD_MS 10u
#define LED (1u << 13)
#define HISTORY 8u

volatile uint32_t ticks;      /* milliseconds since reset */
uint32_t rounds;              /* how often the main loop ran */
uint32_t factor = 3;          /* initialised data: shows that the startup code copied it */
uint32_t history[HISTORY];    /* the latest results, oldest overwritten first */

void SysTick_Handler(void)
{
    ticks++;
}

static void led_init(void)
{
    RCC_APB2ENR |= 1u << 4;                               /* clock for port C */
    GPIOC_CRH = (GPIOC_CRH & ~(0xFu << 20)) | (2u << 20); /* PC13: push-pull output, 2 MHz */
}

static void led_toggle(void)
{
    GPIOC_ODR ^= LED;
}

static void systick_init(void)
{
    SYST_RVR = CORE_HZ / 1000u - 1u;
    SYST_CVR = 0;
    SYST_CSR = 7; /* core clock, interrupt, on */
}

__attribute__((noinline)) void wait_ms(uint32_t milliseconds)
{
    uint32_t start = ticks;
    while (ticks - start < milliseconds) {
    }
}

__attribute__((noinline)) uint32_t scale(uint32_t value)
{
    uint32_t scaled = value * factor;
    return scaled + 1;
}

__attribute__((noinline)) uint32_t remember(uint32_t value)
{
    history[rounds % HISTORY] = value;
    uint32_t sum = 0;
    for (uint32_t i = 0; i < HISTORY; i++)
        sum += history[i];
    return sum;
}

uint32_t total; /* sum of the history after the last round */

int main(void)
{
    led_init();
    systick_init();
    for (;;) {
        led_toggle();
        total = remember(scale(rounds));
        rounds++;
        wait_ms(PERIOD_MS);
    }
}
