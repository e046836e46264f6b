"""Turns pieces into text that has the shape the client asked for."""
