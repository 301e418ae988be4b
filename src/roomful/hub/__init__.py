"""The hub in Rust as `ports.Hub`. The only importer of `roomful._native.hub` beside the composition root."""
