"""`python -m oauth_helper`."""

from oauth_helper.cli import main

main()
