"""The media engine of this process: Rust's router threads behind `ports.MediaEngine`. Only this package imports `roomful._native`."""
