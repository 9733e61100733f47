/* Leaves SysTick running at 1 kHz, its handler far behind the vectors: what a flash loader meets on an ordinary board.
 * HSI_OFF=1: runs from the crystal with the internal oscillator off.
 * MPU_XN=1: the MPU forbids execution from SRAM (chips that have one).
 * RELOAD=n: lets the independent watchdog bite after n tenths of a millisecond and feeds it every millisecond. */
#include <stdint.h>

#define REG(address) (*(volatile uint32_t *)(address))
#define RCC_CR REG(0x40021000)
#define RCC_CFGR REG(0x40021004)
#define IWDG_KR REG(0x40003000)
#define IWDG_RLR REG(0x40003008)
#define IWDG_SR REG(0x4000300C)
#define SYST_CSR REG(0xE000E010)
#define SYST_RVR REG(0xE000E014)
#define SYST_CVR REG(0xE000E018)
#define MPU_TYPE REG(0xE000ED90)
#define MPU_CTRL REG(0xE000ED94)
#define MPU_RBAR REG(0xE000ED9C)
#define MPU_RASR REG(0xE000EDA0)

volatile uint32_t ticks;

/* Puts the handler into the third page. */
__attribute__((section(".text.zz"), used)) static const uint8_t ballast[2048] = {1};

__attribute__((section(".text.zzz"))) void SysTick_Handler(void)
{
    ticks++;
#if RELOAD
    IWDG_KR = 0xAAAA;
#endif
}

#if HSI_OFF
static void run_from_crystal(void)
{
    RCC_CR |= 1u << 16; /* HSEON */
    while (!(RCC_CR & 1u << 17)) {
    }
    RCC_CFGR = (RCC_CFGR & ~3u) | 1u; /* SW = HSE */
    while ((RCC_CFGR >> 2 & 3u) != 1u) {
    }
    RCC_CR &= ~1u; /* HSION */
}
#endif

#if MPU_XN
static void forbid_code_in_ram(void)
{
    MPU_RBAR = 0x08000000u | 1u << 4;                        /* region 0: flash */
    MPU_RASR = 3u << 24 | 1u << 17 | 19u << 1 | 1u;          /* full access, 1 MiB, on */
    MPU_RBAR = 0x20000000u | 1u << 4 | 1u;                   /* region 1: SRAM */
    MPU_RASR = 1u << 28 | 3u << 24 | 3u << 17 | 16u << 1 | 1u; /* not executable, full access, 128 KiB, on */
    MPU_CTRL = 5;                                            /* on, default map for privileged code */
    __asm volatile("dsb\n isb");
}
#endif

#if RELOAD
static void shorten_watchdog(void)
{
    IWDG_KR = 0x5555;
    IWDG_RLR = RELOAD; /* of 40 kHz / 4 */
    while (IWDG_SR) {
    }
    IWDG_KR = 0xAAAA;
    IWDG_KR = 0xCCCC;
}
#endif

int main(void)
{
#if RELOAD
    shorten_watchdog();
#endif
#if HSI_OFF
    run_from_crystal();
#endif
#if MPU_XN
    forbid_code_in_ram();
#endif
    SYST_RVR = 8000u - 1u;
    SYST_CVR = 0;
    SYST_CSR = 7;
    for (;;) {
    }
}
