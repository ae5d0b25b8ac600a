"""Gate: what changed against a base commit, what its checks found, and pages for CI systems."""
