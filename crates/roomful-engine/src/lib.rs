//! The media shell: one thread and one UDP port per core around the sans-IO router.
