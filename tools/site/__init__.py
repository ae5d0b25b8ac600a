"""One static site of the project: results, reports, documents and history."""
