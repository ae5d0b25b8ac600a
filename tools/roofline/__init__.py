"""Machine peaks, and the distance of a step to them."""
