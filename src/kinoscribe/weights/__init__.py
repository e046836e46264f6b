"""Fetches, checks and keeps the weights of the embedded engine."""
