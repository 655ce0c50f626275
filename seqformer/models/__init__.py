"""Encoder-decoder models. They see ids and masks, never text."""
