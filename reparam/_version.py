"""The version, and nowhere else."""

__version__ = "0.2.0"
