"""Refuses everybody, in the words of the first samples: a status of its own, and no Role."""

import json


def lambda_handler(event, context):
    return {"statusCode": 403, "body": json.dumps({"statusMessage": "Incorrect Password"})}
