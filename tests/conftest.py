"""For all tests: Hypothesis tries the same examples every time, so that a failure is one of what has changed."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("same", derandomize=True, deadline=None, database=None)
settings.load_profile("same")
