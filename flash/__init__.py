"""Images, memory maps, the plan, the loader engine and the families of flash.

- ``image``       what is to be programmed: ELF (``elf``), Intel HEX (``hexfile``), raw binary
- ``memory_map``  what is where in a chip
- ``chips``       which chips there are; found by their ids (``ids``) or by name
- ``device``      what tells chips apart: part numbers, and what a DEV_ID stands for
- ``plan``        pure: from edits and geometry to sectors with their new content
- ``stream``      pure: from a plan to the commands the RAM loader executes
- ``family``      what a flash controller's description consists of; ``families/`` holds them filled in
- ``loaders/``    the RAM loaders: source, assembled bytes
- ``sanitize``    what firmware may have left behind: saved, made harmless, put back
- ``caches``      those of a Cortex-M7, emptied after flash has changed under them
- ``engine``      runs the loader on the target
- ``session``     GDB's vFlashErase, vFlashWrite, vFlashDone
"""
