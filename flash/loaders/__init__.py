"""RAM loaders: ``frame.inc`` is common to all families, ``<family>.S`` erases and programs.

``<family>.py`` is the assembled result; ``python -m haltpoint.flash.loaders.assemble`` writes it.
"""
