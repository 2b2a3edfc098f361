"""What it costs, as ratios: two things measured side by side in one run. ``python -m benchmarks``."""
