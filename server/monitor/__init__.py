"""Monitor commands: what the user types behind ``monitor`` at the GDB prompt.

``table`` has them all and carries out a line; ``control``, ``inspect`` and ``board`` do the work; ``others`` answers
what IDEs and scripts written for other servers send.
"""
