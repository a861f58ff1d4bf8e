"""What is to be done: a recipe and how it is read."""
