"""Turns a request into a stream of events: the one way that all doors share."""
