"""The commands, one module for each audience; `cli` puts them onto the command line.

What needs Flask, Redis or urllib3 is imported where it is used, so that commands which only
compare and explain start at once.
"""
