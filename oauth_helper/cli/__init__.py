"""The commands, and the process that supervises the workers.

Nothing imports this package. Each command imports what it needs when it runs.
"""
