"""Process and thread pools."""
