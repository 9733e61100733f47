/* A function whose arguments and result are in floating-point registers. Enable the FPU first (CPACR). */

volatile float sum;

__attribute__((noinline)) float scale(float value, float factor)
{
    return value * factor + 0.25f;
}

int main(void)
{
    *(volatile unsigned *)0xE000ED88 |= 0xFu << 20;
    __asm__ volatile("dsb; isb");
    for (float value = 1.5f;; value += 1.0f) {
        sum = scale(value, 4.0f);
    }
}
