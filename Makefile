# Two commands on a fresh Debian or Ubuntu machine:
#   make demo   GDB loads and debugs a firmware on a simulated board
#   make test   the tests
# Both set up .venv and install what is missing (Debian packages only when run as root).

.PHONY: demo test gdb-suite clean

demo:
	@scripts/bootstrap demo
	.venv/bin/python examples/demo.py

test:
	@scripts/bootstrap test
	.venv/bin/python -m pytest -n auto --dist loadfile

# GDB's own tests, where ../shared has their list and board files; ARGS=--short for a selection.
gdb-suite:
	@scripts/bootstrap test
	scripts/gdb-suite $(ARGS)

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
