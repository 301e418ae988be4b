"""The compiled module: one submodule for each part of Rust. Only `roomful.engine` may import `media`."""

from roomful._native import media as media
