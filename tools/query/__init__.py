"""Questions in SQL to the evidence on file."""
