"""A program of the user: what it is called by, and the copy of its project in which it runs."""
