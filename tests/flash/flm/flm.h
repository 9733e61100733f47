/* What a flash algorithm tells about itself (Open-CMSIS-Pack specification, "Flash Programming"). */
typedef unsigned long word;

struct sector { word size, offset; };

struct device {
    unsigned short version;
    char name[128];
    unsigned short type;
    word start, size, page, reserved;
    unsigned char erased;
    word program_ms, erase_ms;
    struct sector sectors[8];
};

#define CODE __attribute__((section("PrgCode"), used))
#define DATA __attribute__((section("PrgData"), used))
#define DESCRIPTION __attribute__((section("DevDscr"), used))
#define END {0xFFFFFFFF, 0xFFFFFFFF}

int Init(word address, word clock, word purpose);
int UnInit(word purpose);
int EraseSector(word address);
int ProgramPage(word address, word size, unsigned char *buffer);

/* Data is reached by R9 alone: the compiler is told to leave it (-ffixed-r9). */
#define STATIC(type) ({ type *base; __asm__ volatile("mov %0, r9" : "=l"(base)); base; })
