"""The pytest plugin of chanbridge: loaded in every test run where chanbridge is installed."""
