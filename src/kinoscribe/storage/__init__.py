"""Keeps what must outlive a process: rows in a database, files in a folder."""
