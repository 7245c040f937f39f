"""The rows of the table, by what they are about; importing this package fills `meaning.table.ROWS`."""

from . import (
    captured,
    classes,
    code,
    data,
    deep,
    drawing,
    files,
    functions,
    gradients,
    hooks,
    language,
    lazy,
    patches,
    spelling,
    values,
    whole,
)

__all__ = [
    "captured",
    "classes",
    "code",
    "data",
    "deep",
    "drawing",
    "files",
    "functions",
    "gradients",
    "hooks",
    "language",
    "lazy",
    "patches",
    "spelling",
    "values",
    "whole",
]
