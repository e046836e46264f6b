"""Turns files that nobody vouches for into facts, pictures and sound, in processes of their own."""
