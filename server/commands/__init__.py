"""What the command line can do, one module per command.

Each has ``add``, which declares the command and its options, and ``run``, which carries it out and returns the exit
status. ``options`` holds what several share, ``access`` how the target they speak of is reached, and ``opened``
has it for a while.

Imports stand inside the functions that need them: ``--version`` loads neither trio nor USB, ``serve`` loads no
simulator for a real probe.
"""

from . import info, listing, load, serve, sim, unlock

__all__ = ["COMMANDS"]

COMMANDS = (serve, load, info, unlock, sim, listing)
"""In the order in which ``--help`` shows them."""
