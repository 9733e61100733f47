"""The chips of the matrix with ARMv7-M and ARMv8-M cores.

STM32F103C8 (RM0008), L431RC (RM0394), H743ZI (RM0433), U575ZI (RM0456).
"""

from __future__ import annotations

from .facts import F_CRYSTAL, F_FLASH, F_LEFTOVERS, F_RCC, PAGED_LEFTOVERS, Facts, dma, iwdg, keys, ready

__all__ = ["F103", "H743", "L152", "L431", "U575"]

F103 = Facts(
    core="M3",
    unlock=keys(F_FLASH + 4),
    key=F_FLASH + 4,
    status=F_FLASH + 0xC,
    errors=0x14,
    start_erase=((F_FLASH + 0x10, 2), (F_FLASH + 0x14, 0x0800_5000), (F_FLASH + 0x10, 0x42)),
    half_words=True,
    starts=0x40,
    taking_pins=((F_RCC + 0x18, 1), (0x4001_0004, 4 << 24)),
    control=F_FLASH + 0x10,
    leftovers=F_LEFTOVERS,
    kept=(F_FLASH, F_RCC, F_RCC + 4, F_RCC + 0x14, F_RCC + 0x1C, 0xE004_2004, F_FLASH + 0x10),
    recipes={
        "fast": (
            (F_FLASH, 0x12),
            (F_RCC, 1 << 16 | 1),
            ready(F_RCC, 17),
            (F_RCC + 4, 1 << 16 | 7 << 18 | 4 << 8),
            (F_RCC, 1 << 24 | 1 << 16 | 1),
            ready(F_RCC, 25),
            (F_RCC + 4, 1 << 16 | 7 << 18 | 4 << 8 | 2),
            (F_RCC + 4, 0xC, 8),
        ),
        "slow": ((F_RCC + 4, 0xF0),),
        "crystal": F_CRYSTAL,
        "watchdog": iwdg(0x4000_3000),
        "fast watchdog": iwdg(0x4000_3000, counts=160),
        "window watchdog": ((F_RCC + 0x1C, 1 << 11), (0x4000_2C04, 0x1FF), (0x4000_2C00, 0xFF)),
        "dma": dma(0x4002_0000, ((F_RCC + 0x14, 0x15),)),
        "flash clock off": ((F_RCC + 0x14, 0x4),),
        "prefetch": ((F_FLASH, 0x38),),
    },
    mpu=False,
)

L152 = Facts(
    core="M3",
    unlock=keys(0x4002_3C0C),
    control=0x4002_3C04,
    leftovers={},
    kept=(0x4002_3C00, 0x4002_3C04, 0x4002_3800, 0x4002_3808, 0x4002_381C, 0x4002_3824),
    recipes={},
    ram_size=80 * 1024,
)
"""STM32L152RE (RM0038), for the states of the MPU alone, which the F103 has not."""

L4_FLASH, L4_RCC = 0x4002_2000, 0x4002_1000
L431 = Facts(
    core="M4",
    unlock=keys(L4_FLASH + 8),
    key=L4_FLASH + 8,
    status=L4_FLASH + 0x10,
    errors=0xC3FA,
    start_erase=((L4_FLASH + 0x14, 10 << 3 | 2), (L4_FLASH + 0x14, 1 << 16 | 10 << 3 | 2)),
    gathers=True,
    starts=1 << 16,
    taking_pins=((L4_RCC + 0x4C, 1), (0x4800_0000, 0)),
    control=L4_FLASH + 0x14,
    leftovers=PAGED_LEFTOVERS,
    kept=(
        *(L4_FLASH, L4_RCC, L4_RCC + 8, L4_RCC + 0xC, L4_RCC + 0x48, L4_RCC + 0x58, 0x4000_7000, 0x4000_3010),
        *(0x4000_2C04, 0xE004_2004, 0xE004_2008, L4_FLASH + 0x14),
    ),
    recipes={
        "fast": (
            (L4_FLASH, 0x704),
            (L4_RCC, 0x161),
            (L4_RCC + 0xC, 1 << 24 | 10 << 8 | 2),
            (L4_RCC, 1 << 24 | 0x161),
            ready(L4_RCC, 25),
            (L4_RCC + 8, 3),
            (L4_RCC + 8, 0xC, 0xC),
        ),
        "slow": ((L4_RCC, 0x09),),
        "crystal": (
            (L4_RCC, 1 << 16 | 0x61),
            ready(L4_RCC, 17),
            (L4_RCC + 8, 2),
            (L4_RCC + 8, 0xC, 8),
            (L4_RCC, 1 << 16),
        ),
        "low power": ((L4_RCC, 0x49), (L4_RCC + 0x58, 1 << 28), (0x4000_7000, 1 << 14 | 1 << 9)),
        "range 2": ((L4_RCC + 0x58, 1 << 28), (0x4000_7000, 2 << 9)),
        "watchdog": iwdg(0x4000_3000),
        "fast watchdog": iwdg(0x4000_3000, counts=160),
        "watchdog window": iwdg(0x4000_3000, window=True),
        "window watchdog": ((L4_RCC + 0x58, 1 << 11), (0x4000_2C04, 0x17F), (0x4000_2C00, 0xFF)),
        "closed window": ((L4_RCC + 0x58, 1 << 11), (0x4000_2C04, 0x160), (0x4000_2C00, 0xFF)),
        "dma": dma(0x4002_0000, ((L4_RCC + 0x48, 0x101),)),
        "flash clock off": ((L4_RCC + 0x48, 0),),
        "prefetch": ((L4_FLASH, 0x700),),
    },
    ram_size=48 * 1024,
    fpu=True,
)

H7_FLASH, H7_RCC = 0x5200_2000, 0x5802_4400
H743 = Facts(
    core="M7",
    unlock=keys(H7_FLASH + 4),
    key=H7_FLASH + 4,
    status=H7_FLASH + 0x10,
    errors=0x07EE_0000,
    start_erase=((H7_FLASH + 0xC, 0x134), (H7_FLASH + 0xC, 0x1B4)),
    wrong_key_faults=False,
    gathers=True,
    starts=0x80,
    taking_pins=((H7_RCC + 0xE0, 1), (0x5802_0000, 0)),
    protected="0-0",
    free=0x2_0000,
    control=H7_FLASH + 0xC,
    leftovers={"programming": 0x32, "erase": 0x134, "mass erase": 0x38, "interrupts": 0x3_0030, "all": 0x3_013E},
    kept=(
        *(H7_FLASH, H7_FLASH + 0xC, H7_RCC, H7_RCC + 0x10, H7_RCC + 0x18, H7_RCC + 0xD4, H7_RCC + 0xE4),
        *(0x5000_3004, 0x5800_4810, 0x5C00_1004, 0x5C00_1034, 0x5C00_1054, 0xE000_ED14),
    ),
    recipes={
        "fast": (
            (H7_FLASH, 0x24),
            (H7_RCC + 0x28, 0x0202_0040),
            (H7_RCC + 0x30, 0x0101_0000 | 1 << 9 | 49),
            (H7_RCC, 1 << 24 | 1),
            ready(H7_RCC, 25),
            (H7_RCC + 0x18, 0x48),
            (H7_RCC + 0x10, 3),
            (H7_RCC + 0x10, 0x38, 0x18),
        ),
        "slow": ((H7_RCC + 0x18, 0xF00),),
        "crystal": (
            (H7_RCC, 1 << 16 | 1),
            ready(H7_RCC, 17),
            (H7_RCC + 0x10, 2),
            (H7_RCC + 0x10, 0x38, 0x10),
            (H7_RCC, 1 << 16),
        ),
        "watchdog": iwdg(0x5800_4800),
        "fast watchdog": iwdg(0x5800_4800, counts=160),
        "watchdog window": iwdg(0x5800_4800, window=True),
        "window watchdog": ((H7_RCC + 0xE4, 1 << 6), (0x5000_3004, 6 << 11 | 0x7F), (0x5000_3000, 0xFF)),
        "closed window": ((H7_RCC + 0xE4, 1 << 6), (0x5000_3004, 6 << 11 | 0x60), (0x5000_3000, 0xFF)),
        "caches": ((0xE000_EF50, 0), (0xE000_ED14, 0x7_0200)),
    },
    ram_size=128 * 1024,
    fpu=True,
)

U5_FLASH, U5_RCC = 0x4002_2000, 0x4602_0C00
U575 = Facts(
    core="M33",
    unlock=keys(U5_FLASH + 8),
    key=U5_FLASH + 8,
    status=U5_FLASH + 0x20,
    errors=0x20FA,
    start_erase=((U5_FLASH + 0x28, 2 << 3 | 2), (U5_FLASH + 0x28, 1 << 16 | 2 << 3 | 2)),
    half_units_stick=True,
    starts=1 << 16,
    taking_pins=((U5_RCC + 0x8C, 1), (0x4202_0000, 0)),
    control=U5_FLASH + 0x28,
    leftovers={"programming": 0x1, "erase": 0x1A, "mass erase": 0x4, "interrupts": 0x0300_0000, "all": 0x0300_401F},
    kept=(
        *(U5_FLASH, U5_FLASH + 0x28, U5_RCC, U5_RCC + 0x1C, U5_RCC + 0x20, U5_RCC + 0x28, U5_RCC + 0x34),
        *(U5_RCC + 0x88, U5_RCC + 0x9C, 0x4000_3010, 0x4000_2C04, 0xE004_4004, 0xE004_4008, 0x4003_0400, 0x4003_1400),
    ),
    recipes={
        "fast": (
            (U5_RCC + 0x94, 0x8000_0004),
            (0x4602_080C, 7 << 16),
            (U5_FLASH, 4),
            (U5_RCC, 0x135),
            ready(U5_RCC, 10),
            (U5_RCC + 0x28, 1 << 18 | 2),
            (U5_RCC + 0x34, 0x0001_0200 | 9),
            (U5_RCC, 1 << 24 | 0x135),
            ready(U5_RCC, 25),
            (U5_RCC + 0x1C, 3),
            (U5_RCC + 0x1C, 0xC, 0xC),
        ),
        "slow": ((U5_RCC + 0x20, 0xF),),
        "crystal": (
            (U5_RCC, 1 << 16 | 0x35),
            ready(U5_RCC, 17),
            (U5_RCC + 0x1C, 2),
            (U5_RCC + 0x1C, 0xC, 8),
            (U5_RCC, 1 << 16),
        ),
        "watchdog": iwdg(0x4000_3000),
        "fast watchdog": iwdg(0x4000_3000, counts=160),
        "watchdog window": iwdg(0x4000_3000, window=True),
        "window watchdog": ((U5_RCC + 0x9C, 1 << 11), (0x4000_2C04, 4 << 11 | 0x7F), (0x4000_2C00, 0xFF)),
        "closed window": ((U5_RCC + 0x9C, 1 << 11), (0x4000_2C04, 4 << 11 | 0x60), (0x4000_2C00, 0xFF)),
        "flash clock off": ((U5_RCC + 0x88, 0xD020_0000),),
        "prefetch": ((U5_FLASH, 0x100),),
        "caches": ((0x4003_0400, 1),),
    },
    ram_size=192 * 1024,
    fpu=True,
    armv8=True,
)
