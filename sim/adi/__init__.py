"""Arm Debug Interface v5 as a chip has it: SWJ-DP with JTAG-DP and SW-DP, MEM-AP (IHI0031)."""
