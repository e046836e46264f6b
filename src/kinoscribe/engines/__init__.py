"""Turns an Ask into pieces of an answer."""
