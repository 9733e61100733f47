# Two commands on a fresh Debian or Ubuntu machine:
#   make demo   GDB loads and debugs a firmware on a simulated board
#   make test   the tests
# Both set up .venv and install what is missing (Debian packages only when run as root).

.PHONY: demo test clean

demo:
	@scripts/bootstrap demo
	.venv/bin/python examples/demo.py

test:
	@scripts/bootstrap test
	.venv/bin/python -m pytest

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
