"""The engine that answers from evidence alone, on a plain CPU."""
