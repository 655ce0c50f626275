"""Labelled images: reading them, and making batches of them."""
