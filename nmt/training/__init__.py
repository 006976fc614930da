"""Training, from a recipe to a bundle."""
