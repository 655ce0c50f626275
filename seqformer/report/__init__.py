"""Scores and pictures."""
