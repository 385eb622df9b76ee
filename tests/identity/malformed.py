"""Admits everybody by answers that are none: the user's name says what is wrong with his."""

ROLE = "arn:aws:iam::111111111111:role/sftp-transfer"
MAPPINGS = [{"Entry": "/", "Target": "/inbox/x"}]

ANSWERS = {
    "list": [ROLE],
    "text": "yes",
    "number": {"Role": 1},
    "blank": {"Role": "  ", "HomeDirectory": "/inbox/x"},
    "details": {"Role": ROLE, "HomeDirectoryType": "LOGICAL", "HomeDirectoryDetails": MAPPINGS},
    "keys": {"Role": ROLE, "PublicKeys": "ssh-ed25519 AAAA"},
    "set": {"Role": {ROLE}},
}


def lambda_handler(event, context):
    return ANSWERS[event["username"]]
