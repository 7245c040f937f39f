"""The rows of the table, by what they are about; importing this package fills `meaning.table.ROWS`."""

from . import captured, code, data, deep, odd_code, values, whole

__all__ = ["captured", "code", "data", "deep", "odd_code", "values", "whole"]
