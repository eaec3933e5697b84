"""Measures of latents and of images: pure functions of arrays, one family a file."""
