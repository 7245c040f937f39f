"""The fixture that all tests need."""

from __future__ import annotations

import pytest
from downstream_suite.analysis import FEATURES, SENTENCES, surprise

from interpretune.analysis.cache import materialize


@pytest.fixture(scope="session")
def surprises(shared_analysisstore_cache):
    """The rows of the analysis, computed once ever."""
    return materialize(surprise, SENTENCES, features=FEATURES, name="surprise")
