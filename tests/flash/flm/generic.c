/* An algorithm for the simulated chips without a maker (docs/simulated-chips.md). What can go wrong is chosen by -D. */
#include "flm.h"

#ifndef SECTORS
#define SECTORS {0x400, 0}, {0x1000, 0x2000}, {0x8000, 0x8000}
#define SIZE 0x10000
#endif
#ifndef ERASED
#define ERASED 0xFF
#endif
#ifndef PAGE
#define PAGE 0x100
#endif
#ifndef START
#define START 0
#endif
#ifndef TYPE
#define TYPE 1
#endif
#ifndef ERASE_MS
#define ERASE_MS 100
#endif

DESCRIPTION const struct device FlashDevice = {
    0x0101, "Generic flash", TYPE, START, SIZE, PAGE, 0, ERASED, 50, ERASE_MS, {SECTORS, END},
};

struct controller { volatile word key, control, status, address; };
#define NVC ((struct controller *)0x40010000)
#define BUSY 1
#define ERRORS 0xF0
#define LOCK 0x80000000

struct state { word magic, purpose; };
DATA struct state initial = {0x600DDA7A, 0};

static inline int settle(void)
{
    while (NVC->status & BUSY)
        ;
    word errors = NVC->status & ERRORS;
    NVC->status = ERRORS;
    return errors != 0;
}

#ifdef ABSOLUTE
__asm__(".pushsection PrgCode, \"ax\"\n.balign 4\n.word EraseSector\n.popsection");
#endif

CODE int Init(word address, word clock, word purpose)
{
#ifdef INIT_FAILS
    return 1;
#endif
#ifdef UNALIGNED
    if (*(volatile word *)((char *)STATIC(struct state) + 1) == 1)
        return 6;
#endif
    if (STATIC(struct state)->magic != 0x600DDA7A || address != START)
        return 7; /* not where it should be, or called for another flash */
    if (STATIC(struct state)->purpose != 0)
        return 8; /* Init without the UnInit that belongs to the one before */
    STATIC(struct state)->purpose = purpose;
    NVC->key = 0xA5F01E2D;
    NVC->key = 0x5A0FE1D2;
    NVC->status = ERRORS;
    NVC->control = purpose == 1 ? 2 : purpose == 2 ? 1 : 0;
    return 0;
}

CODE int UnInit(word purpose)
{
    if (STATIC(struct state)->purpose != purpose)
        return 9;
    STATIC(struct state)->purpose = 0;
    NVC->control = LOCK;
    return 0;
}

CODE int EraseSector(word address)
{
#ifdef ERASE_HANGS
    for (;;)
        ;
#endif
    NVC->address = address;
    return settle();
}

#ifdef DEEP_STACK
static __attribute__((noinline)) word deep(volatile word *place)
{
    for (int i = 0; i < 280; i++)
        place[i] = 0x11111111;
    return place[200];
}
#endif

CODE int ProgramPage(word address, word size, unsigned char *buffer)
{
    if (address / PAGE != (address + size - 1) / PAGE || (word)buffer % 4)
        return 3;
#ifdef PROGRAM_FAULTS
    *(volatile word *)0xC0000000;
#endif
#ifdef PROGRAM_STOPS
    __asm__ volatile("bkpt #5");
#endif
#ifdef PROGRAM_LOSES_STACK
    __asm__ volatile("sub sp, #16; bx lr");
#endif
#ifdef DEEP_STACK
    word place[280];
    deep(place);
#endif
    volatile word *to = (volatile word *)address;
    for (word *from = (word *)buffer; size >= 4; size -= 4, to++, from++) {
        word value = *from;
#ifdef PROGRAM_LIES
        value = address == PROGRAM_LIES ? value & 0xFFFF00FF : value;
#endif
        *to = value;
        if (settle())
            return 1;
    }
    return 0;
}
