"""Clients for Python programs. They import nothing of the server."""
