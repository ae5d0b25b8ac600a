"""asv integration: environment, checkouts, worker, site."""
