"""Small runs."""

from small_runs import blobs, new_run, small

__all__ = ["blobs", "new_run", "small"]
