"""Images, memory maps, the plan, the loader engine and the families of flash.

- ``image``       what is to be programmed: ELF (``elf``), Intel HEX (``hexfile``), raw binary
- ``memory_map``  what is where in a chip
- ``chips``       which chips there are; found by their ids (``ids``) or by name
- ``device``      what tells chips apart: part numbers, and what a DEV_ID stands for
- ``selection``   which of these it is: the command line's word, then the target's own
- ``flm``         CMSIS-Pack flash algorithms, from files or packs (``pack``, ``pdsc``); ``flm_chip``: a chip of such
- ``plan``        pure: from edits and geometry to sectors with their new content
- ``survey``      pure: what the flash holds already, asked of the loader before anything is erased
- ``old``         what must outlast an erase, remembered until it is in flash again
- ``stream``      pure: from a plan to the commands the RAM loader executes; ``feed`` sends them while it works
- ``family``      what a flash controller's description consists of; ``families/`` holds them filled in
- ``loaders/``    the RAM loaders: source, assembled bytes
- ``sanitize``    what firmware may have left behind: saved, made harmless, put back
- ``caches``      those of a Cortex-M7, emptied after flash has changed under them
- ``visit``       a core lent for code of ours: made harmless, looked at, put back whatever happens
- ``controller``  the flash controller: protection looked at, opened, left as it was found
- ``engine``      makes the flash hold a plan, by one ``run`` of the loader
- ``flm_engine``  the same by flash algorithms: ``flm_job`` what each does, ``flm_calls`` their functions called
- ``protection``  what stands between a debugger and the flash, in sentences; ``options`` the option bytes
- ``unlock``      protection removed; ``option_writers`` how option bytes are written
- ``session``     GDB's vFlashErase, vFlashWrite, vFlashDone
"""
