"""Collects what can be perceived in a video, once per content."""
