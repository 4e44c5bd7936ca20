"""`python -m oauth_helper`."""

from oauth_helper.cli.main import main

main()
