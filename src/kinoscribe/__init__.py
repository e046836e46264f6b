"""Answers questions about video on the user's own machines, over the wire of the Analyze videos API."""

__version__ = "0.1.0"
