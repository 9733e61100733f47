"""The chips of the matrix with ARMv6-M cores: STM32F091RC (RM0091), G071RB (RM0444), L051C8 (RM0367)."""

from __future__ import annotations

from .facts import F_CRYSTAL, F_FLASH, F_LEFTOVERS, F_RCC, PAGED_LEFTOVERS, Facts, Stores, dma, iwdg, keys, ready

__all__ = ["F091", "G071", "L051"]

F091 = Facts(
    core="M0",
    unlock=keys(F_FLASH + 4),
    key=F_FLASH + 4,
    status=F_FLASH + 0xC,
    errors=0x14,
    start_erase=((F_FLASH + 0x10, 2), (F_FLASH + 0x14, 0x0800_5000), (F_FLASH + 0x10, 0x42)),
    half_words=True,
    starts=0x40,
    taking_pins=((F_RCC + 0x14, 1 << 17 | 0x14), (0x4800_0000, 0)),
    control=F_FLASH + 0x10,
    leftovers=F_LEFTOVERS,
    kept=(F_FLASH, F_RCC, F_RCC + 4, F_RCC + 0x14, F_RCC + 0x18, F_RCC + 0x1C, F_FLASH + 0x10, 0x4000_3010),
    recipes={
        "fast": (
            (F_FLASH, 0x11),
            (F_RCC + 4, 10 << 18),
            (F_RCC, 1 << 24 | 0x81),
            ready(F_RCC, 25),
            (F_RCC + 4, 10 << 18 | 2),
            (F_RCC + 4, 0xC, 8),
        ),
        "slow": ((F_RCC + 4, 0xF0),),
        "crystal": F_CRYSTAL,
        "watchdog": iwdg(0x4000_3000),
        "fast watchdog": iwdg(0x4000_3000, counts=160),
        "watchdog window": iwdg(0x4000_3000, window=True),
        "window watchdog": ((F_RCC + 0x1C, 1 << 11), (0x4000_2C04, 0x1FF), (0x4000_2C00, 0xFF)),
        "dma": dma(0x4002_0000, ((F_RCC + 0x14, 0x15),)),
        "flash clock off": ((F_RCC + 0x14, 0x4),),
        "remap": ((F_RCC + 0x18, 1), (0x4001_0000, 3)),
        "prefetch": ((F_FLASH, 0x10),),
    },
    ram_size=32 * 1024,
    mainline=False,
    mpu=False,
    vtor=False,
)

G_FLASH, G_RCC = 0x4002_2000, 0x4002_1000
G071 = Facts(
    core="M0+",
    unlock=keys(G_FLASH + 8),
    key=G_FLASH + 8,
    status=G_FLASH + 0x10,
    errors=0xC3FA,
    start_erase=((G_FLASH + 0x14, 10 << 3 | 2), (G_FLASH + 0x14, 1 << 16 | 10 << 3 | 2)),
    half_units_stick=True,
    starts=1 << 16,
    taking_pins=((G_RCC + 0x34, 1), (0x5000_0000, 0)),
    control=G_FLASH + 0x14,
    leftovers=PAGED_LEFTOVERS,
    kept=(
        *(G_FLASH, G_RCC, G_RCC + 8, G_RCC + 0x38, G_RCC + 0x3C, 0x4000_7000, 0x4000_3010, 0x4000_2C04),
        *(0x4001_5804, 0x4001_5808, G_FLASH + 0x14),
    ),
    recipes={
        "fast": (
            (G_FLASH, 0x4_0702),
            (G_FLASH, 7, 2),
            (G_RCC + 0xC, 1 << 29 | 1 << 28 | 8 << 8 | 2),
            (G_RCC, 1 << 24 | 0x500),
            ready(G_RCC, 25),
            (G_RCC + 8, 2),
            (G_RCC + 8, 0x38, 0x10),
        ),
        "slow": ((G_RCC, 0x500 | 7 << 11),),
        "crystal": (
            (G_RCC, 1 << 16 | 0x500),
            ready(G_RCC, 17),
            (G_RCC + 8, 1),
            (G_RCC + 8, 0x38, 8),
            (G_RCC, 1 << 16),
        ),
        "low power": ((G_RCC + 0x3C, 1 << 28), (G_RCC, 0x500 | 3 << 11), (0x4000_7000, 0x208 | 1 << 14)),
        "watchdog": iwdg(0x4000_3000),
        "fast watchdog": iwdg(0x4000_3000, counts=160),
        "watchdog window": iwdg(0x4000_3000, window=True),
        "window watchdog": ((G_RCC + 0x3C, 1 << 11), (0x4000_2C04, 4 << 11 | 0x7F), (0x4000_2C00, 0xFF)),
        "closed window": ((G_RCC + 0x3C, 1 << 11), (0x4000_2C04, 4 << 11 | 0x60), (0x4000_2C00, 0xFF)),
        "dma": dma(0x4002_0000, ((G_RCC + 0x38, 0x101),)),
        "flash clock off": ((G_RCC + 0x38, 0),),
        "prefetch": ((G_FLASH, 0x4_0700),),
    },
    ram_size=36 * 1024,
    mainline=False,
)

L0_FLASH, L0_RCC = 0x4002_2000, 0x4002_1000
L0_KEYS: Stores = (
    *((L0_FLASH + 0xC, key) for key in (0x89AB_CDEF, 0x0203_0405)),
    *((L0_FLASH + 0x10, key) for key in (0x8C9D_AEBF, 0x1314_1516)),
)
L051 = Facts(
    core="M0+",
    unlock=L0_KEYS,
    key=L0_FLASH + 0xC,
    status=L0_FLASH + 0x18,
    errors=0x3_2F00,
    start_erase=((L0_FLASH + 4, 0x208), (0x0800_5000, 0)),
    half_open=L0_KEYS[:2],
    taking_pins=((L0_RCC + 0x2C, 1), (0x5000_0000, 0)),
    protected="0-31",
    control=L0_FLASH + 4,
    leftovers={"programming": 0x8, "erase": 0x208, "half pages": 0x408, "interrupts": 0x3_0000, "all": 0x3_0608},
    kept=(
        *(L0_FLASH, L0_FLASH + 4, L0_RCC, L0_RCC + 4, L0_RCC + 0xC, L0_RCC + 0x30, L0_RCC + 0x34, L0_RCC + 0x38),
        *(0x4000_7000, 0x4000_3010, 0x4001_5804, 0x4001_5808),
    ),
    recipes={
        "fast": (
            (L0_RCC + 0x38, 1 << 28),
            (0x4000_7000, 0x800),
            (L0_FLASH, 1),
            (L0_RCC, 0x101),
            ready(L0_RCC, 2),
            (L0_RCC + 0xC, 1 << 22 | 1 << 18),
            (L0_RCC, 1 << 24 | 0x101),
            ready(L0_RCC, 25),
            (L0_RCC + 0xC, 1 << 22 | 1 << 18 | 3),
            (L0_RCC + 0xC, 0xC, 0xC),
        ),
        "slow": ((L0_RCC + 4, 0),),
        "crystal": (
            (L0_RCC, 1 << 16 | 0x100),
            ready(L0_RCC, 17),
            (L0_RCC + 0xC, 2),
            (L0_RCC + 0xC, 0xC, 8),
            (L0_RCC, 1 << 16),
        ),
        "low power": ((L0_RCC + 0x38, 1 << 28), (L0_RCC + 4, 0), (0x4000_7000, 0x1001), (0x4000_7000, 0x5001)),
        "watchdog": iwdg(0x4000_3000),
        "fast watchdog": iwdg(0x4000_3000, counts=160),
        "watchdog window": iwdg(0x4000_3000, window=True),
        "window watchdog": ((L0_RCC + 0x38, 1 << 11), (0x4000_2C04, 0x1FF), (0x4000_2C00, 0xFF)),
        "dma": dma(0x4002_0000, ((L0_RCC + 0x30, 0x101),)),
        "flash clock off": ((L0_RCC + 0x30, 0),),
        "prefetch": ((L0_FLASH, 0x42),),
    },
    same_core=True,
    ram_size=8 * 1024,
    mainline=False,
)
