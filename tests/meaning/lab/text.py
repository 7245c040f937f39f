"""Third in line: only the helpers use it."""

VOWELS = "aeiou"


def normalise(word):
    """Lower-case a word."""
    return word.lower().strip(".,")


def vowels(word):
    return sum(1 for letter in normalise(word) if letter in VOWELS)
