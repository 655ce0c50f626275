"""Files that are complete or absent: JSON records, tensors, manifests."""
