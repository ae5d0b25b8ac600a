"""A first answer on an optimization in seconds, on every save: right so far or not, how fast."""
