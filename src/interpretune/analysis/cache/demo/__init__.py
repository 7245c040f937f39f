"""The demo: a small transformer over text that ships with it, run, found again, changed."""
