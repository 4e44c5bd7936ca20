"""The program's version, which `pyproject.toml` reads here."""

VERSION = "1.0.0"
