"""What things mean: one module per kind of thing, all reached through `walk.Walk`."""
