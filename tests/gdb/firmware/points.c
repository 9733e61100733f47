/* What breakpoints and watchpoints are tried on: a struct, a loop of 1000 rounds, a chain of ten functions. */
#include <stdint.h>

#define APART __attribute__((noipa))

struct sample {
    uint8_t tag;
    uint8_t level;
    uint16_t count;
    uint32_t stamp;
};

volatile struct sample last;
volatile uint32_t total;
volatile uint32_t limit = 7;
volatile uint8_t bytes[16];
volatile uint32_t reads;
const char greeting[] = "hello";

APART uint32_t square(uint32_t value)
{
    uint32_t result = value * value;
    return result;
}

APART void record(uint32_t value)
{
    last.tag = 1;
    last.level = (uint8_t)value;
    last.count++;
    last.stamp = value;
}

APART uint32_t one(uint32_t value) { return value + 1; }
APART uint32_t two(uint32_t value) { return value + 2; }
APART uint32_t three(uint32_t value) { return value + 3; }
APART uint32_t four(uint32_t value) { return value + 4; }
APART uint32_t five(uint32_t value) { return value + 5; }
APART uint32_t six(uint32_t value) { return value + 6; }
APART uint32_t seven(uint32_t value) { return value + 7; }
APART uint32_t eight(uint32_t value) { return value + 8; }
APART uint32_t nine(uint32_t value) { return value + 9; }

APART uint32_t count(uint32_t rounds)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < rounds; i++) {
        sum += i; /* in the loop */
        total = sum;
    }
    return sum;
}

APART uint32_t chain(uint32_t value)
{
    value = one(value);
    value = two(value);
    value = three(value);
    value = four(value);
    value = five(value);
    value = six(value);
    value = seven(value);
    value = eight(value);
    return nine(value);
}

int main(void)
{
    for (;;) {
        record(square(3));
        reads += limit;
        bytes[5] = (uint8_t)reads;
        reads = chain(reads);
        count(1000);
    }
}
