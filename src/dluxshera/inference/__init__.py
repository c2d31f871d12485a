"""Inference from images: sees a function from store to image, never the optics behind it."""
