"""HTTPS on a local network: an own CA, a leaf for this machine's addresses, and the TLS context made of them."""
