"""The way back in the journal: from what a person answers to the option they chose."""

from __future__ import annotations

DEPTH = 10
"""How many menus of a conversation are still looked at, the newest first."""
