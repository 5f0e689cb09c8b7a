"""The package's version, by itself: everything may import it."""

__version__ = "0.1.0"
