"""States on which candidates are tried."""
