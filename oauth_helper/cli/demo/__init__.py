"""Made-up failures for the sandbox: the command `demo`, and the story that it tells.

The program itself never imports it.
"""
