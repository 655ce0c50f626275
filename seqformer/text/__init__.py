"""Sentence pairs: toy tasks, corpora, tokenizers, stored ids and batches. Nothing here imports models."""
