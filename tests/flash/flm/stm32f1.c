/* An algorithm for the STM32F103, by PM0075 2.3: what makers' packs have for it, so that it can be compared. */
#include "flm.h"

#ifndef SIZE
#define SIZE 0x10000
#endif

DESCRIPTION const struct device FlashDevice = {
    0x0101, "STM32F10x flash", 1, 0x08000000, SIZE, 0x400, 0, 0xFF, 100, 500, {{0x400, 0}, END},
};

struct controller { volatile word acr, key, option_key, status, control, address; };
#define FLASH ((struct controller *)0x40022000)
#define BSY 0x01
#define ERRORS 0x14
#define PG 0x01
#define PER 0x02
#define STRT 0x40
#define LOCK 0x80

static inline int settle(void)
{
    while (FLASH->status & BSY)
        ;
    word errors = FLASH->status & ERRORS;
    FLASH->status = ERRORS;
    return errors != 0;
}

CODE int Init(word address, word clock, word purpose)
{
    FLASH->key = 0x45670123; /* without a look at LOCK, as many have it */
    FLASH->key = 0xCDEF89AB;
    FLASH->status = ERRORS;
    return 0;
}

CODE int UnInit(word purpose)
{
    FLASH->control = LOCK;
    return 0;
}

CODE int EraseSector(word address)
{
    FLASH->control = PER;
    FLASH->address = address;
    FLASH->control = PER | STRT;
    int failed = settle();
    FLASH->control = 0;
    return failed;
}

CODE int ProgramPage(word address, word size, unsigned char *buffer)
{
    for (; size; size -= 2, address += 2, buffer += 2) {
        FLASH->control = PG;
        *(volatile unsigned short *)address = *(unsigned short *)buffer;
        int failed = settle();
        FLASH->control = 0;
        if (failed)
            return 1;
    }
    return 0;
}
