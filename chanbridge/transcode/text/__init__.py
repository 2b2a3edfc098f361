"""Text as people see it: characters, lengths, formatting, and where it may be cut. Pure functions."""
