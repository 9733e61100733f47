"""FT2232H, FT4232H and FT232H as USB devices, with the MPSSE and what is wired to its pins."""
