"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("NO_COLOR", "1")
# Small networks gain nothing from a second thread, and tests that start processes lose by it.
os.environ.setdefault("OMP_NUM_THREADS", "1")

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real data beside the repository; users do not have it."""
    if not (SHARED / "data").is_dir():
        pytest.skip("the shared real data is not beside the repository")
    return SHARED
