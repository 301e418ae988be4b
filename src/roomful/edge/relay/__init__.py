"""Roomful's own protocol for channels (docs/reference/relay.md). Its messages are understood in Rust."""
