"""Simulated boards: a Cortex-M with its debug logic, STM32 flash and clocks, and the probe as a USB device.

Importing this package costs nothing; ``sim.board.open_board`` brings in the CPU emulator when it is needed.
"""
