"""Sentence pairs: tasks, corpora, tokenizers, stores and batches. Imports nothing of models."""
