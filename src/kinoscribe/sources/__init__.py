"""Turns what a client points at into a file that is known by its content."""
