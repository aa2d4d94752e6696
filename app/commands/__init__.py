"""One module per command, named after it; each has a click command called `command`."""
