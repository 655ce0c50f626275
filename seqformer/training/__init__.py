"""The loop that trains any model that offers ``loss(batch)``."""
