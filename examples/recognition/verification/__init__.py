"""Verification: are two faces one person? The protocol, and the lists of pairs that the field uses."""
