"""Puts this folder on the import path, for what several folders of tests share."""
