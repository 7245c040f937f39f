"""The rows of the run."""

from datasets import Dataset, Features, Value

FEATURES = Features({"score": [Value("float64")], "mode": Value("string")})
COLUMNS = {
    "text": ["The cat sat in the sun.", "Dogs of war", "A yellow xylophone", "and so on"],
    "label": [0, 1, 2, 1],
    "weight": [0.5, 1.0, -0.0, 2.5],
    "tokens": [[1, 2, 3], [4], [], [5, 6]],
}


def build_dataset():
    return Dataset.from_dict(COLUMNS)
