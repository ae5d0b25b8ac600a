"""Page templates and plot style."""
