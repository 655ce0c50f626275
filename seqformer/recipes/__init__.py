"""Recipes: one readable file each, with everything that a score needs to be reached again."""
