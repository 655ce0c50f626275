"""Bytes that are whole or not there: files, JSON records, tensors, manifests."""
