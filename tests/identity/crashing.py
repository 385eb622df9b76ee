"""Fails before it answers; for a user called "exit" its whole process goes down."""

import os


def lambda_handler(event, context):
    if event["username"] == "exit":
        os._exit(1)
    raise KeyError("HomeDirectory of %s with %s" % (event["username"], event["password"]))
