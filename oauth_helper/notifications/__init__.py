"""Tell programs and people what happened: webhooks and notices.

It reads what the store holds, and knows nothing of requests and pages.
"""
