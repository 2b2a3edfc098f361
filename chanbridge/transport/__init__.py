"""Drives the flows of a channel over HTTP.

`drive` runs a flow, `record` says what a resumed one may still do, `grants` keeps expiring
credentials, `dry` shows requests without making them. Only `client` imports httpx: import it
when a bridge starts, not before.
"""
