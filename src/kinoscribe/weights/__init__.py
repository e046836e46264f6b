"""Brings the weights of the embedded engine onto the machine and vouches for every byte of them."""
