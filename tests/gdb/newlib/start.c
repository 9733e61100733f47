/* Vectors; newlib's own start-up code (rdimon's crt0) does the rest. */
extern unsigned long stack_top;
extern void _start(void);

void hang(void)
{
    for (;;) {
    }
}

__attribute__((section(".vectors"), used)) static void *const vectors[16] = {
    &stack_top, _start, hang, hang, hang, hang, hang, 0, 0, 0, 0, hang, hang, 0, hang, hang,
};
