"""``python -m haltpoint`` and the ``haltpoint`` command."""

from .server.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
