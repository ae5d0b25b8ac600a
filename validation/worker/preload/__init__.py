"""Imports and set-up in the fork server, before candidates are forked."""
