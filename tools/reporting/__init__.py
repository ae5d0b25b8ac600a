"""Pages made from the evidence on file."""
