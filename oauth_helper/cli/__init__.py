"""The commands, and the process that supervises the workers. Nothing imports this package."""
