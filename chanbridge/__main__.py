"""``python -m chanbridge``: the command line."""

from chanbridge.cli import main

main()
