"""Numbers that several modules use."""

OFFSET = 0.25
BOUNDS = {"low": -50.0, "high": 50.0}
STOP_WORDS = {"the", "a", "of", "and", "in"}
