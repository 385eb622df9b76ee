"""Admits everybody, an hour later."""

import time


def lambda_handler(event, context):
    time.sleep(3600)
    return {"Role": "arn:aws:iam::111111111111:role/sftp-transfer", "HomeDirectory": "/inbox/x"}
