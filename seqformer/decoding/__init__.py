"""Search over any model that offers ``encode``, ``start`` and ``step``."""
