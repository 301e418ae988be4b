"""The composition root: what ships is listed here and nowhere else, and handed down by explicit arguments."""

from roomful.app.roomful import Roomful
from roomful.app.serve import serve

__all__ = ["Roomful", "serve"]
