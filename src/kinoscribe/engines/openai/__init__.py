"""Turns an Ask into one streaming chat request to a server that speaks the OpenAI protocol."""
