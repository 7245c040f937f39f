"""The placeholder that the cache takes the place of."""

IS_PLACEHOLDER = True
