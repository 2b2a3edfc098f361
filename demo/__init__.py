"""The demos: stories told by real commands against simulated providers."""
