"""The pure centre: values, commands, events and the room that turns one into the other. Knows no clock, task or socket."""
