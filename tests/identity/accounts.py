"""Knows its users by heart: ACCOUNTS_FILE names a file that holds a JSON object, name to account.

An account has "password", "keys" and "answer", the rest of what AWS Transfer is to be told.
"""

import json
import os


def lambda_handler(event, context):
    with open(os.environ["ACCOUNTS_FILE"], encoding="utf-8") as file:
        account = json.load(file).get(event["username"])
    if account is None:
        return {}
    if event["password"]:
        return account["answer"] if event["password"] == account["password"] else {}
    return {**account["answer"], "PublicKeys": account["keys"]}
