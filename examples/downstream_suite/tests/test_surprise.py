"""Three tests that need the analysis."""

from __future__ import annotations


def test_every_sentence_is_there(surprises):
    assert len(surprises) == 6


def test_every_pair_of_letters_has_a_surprise(surprises):
    assert all(len(row["surprise"]) == len(row["sentence"]) - 1 for row in surprises)


def test_surprises_are_bits(surprises):
    assert all(bits > 0 for row in surprises for bits in row["surprise"])
