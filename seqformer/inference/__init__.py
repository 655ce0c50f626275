"""Trained runs that answer, and how good their answers are."""
