"""The command `roomful`."""
