"""Lets SFTP users in whose names and SHA-224 password hashes are kept in DynamoDB.

Answers as AWS Transfer Family asks a custom identity provider. Who is not admitted gets an answer
without a Role, and the log of the function says why.

Environment:
  TABLE       the table; its index has the user's name as partition key
  INDEX       the index (username-index)
  SERVER_IDS  the servers that may ask, separated by commas
  ROLE        the role of every user (arn:aws:iam::111111111111:role/sftp-transfer)
"""

import base64
import hashlib
import hmac
import json
import logging
import os

import boto3
from boto3.dynamodb.conditions import Key

# Bots try these within minutes: they are turned away before the table is asked.
DENIED_NAMES = {
    "admin", "centos", "ec2-user", "ec2_user", "mysql", "postgres", "root", "solr", "support",
    "test", "tomcat", "ubuntu", "user", "user1",
}

# The slash behind the home keeps /home/acme out of /home/acme2.
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "ListHome",
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": "arn:aws:s3:::${transfer:HomeBucket}",
            "Condition": {
                "StringLike": {
                    "s3:prefix": ["${transfer:HomeFolder}/*", "${transfer:HomeFolder}"]
                }
            },
        },
        {
            "Sid": "UseHome",
            "Effect": "Allow",
            "Action": [
                "s3:PutObject",
                "s3:GetObject",
                "s3:GetObjectVersion",
                "s3:DeleteObject",
                "s3:DeleteObjectVersion",
            ],
            "Resource": "arn:aws:s3:::${transfer:HomeDirectory}/*",
        },
    ],
}

log = logging.getLogger()
table = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def refuse(event, why):
    log.warning("refused %r at %r: %s", event.get("username"), event.get("serverId"), why)
    return {}


def rows(username):
    answer = table.query(
        IndexName=os.environ.get("INDEX", "username-index"),
        KeyConditionExpression=Key("username").eq(username),
        Limit=2,
    )
    return answer["Items"]


def is_password(password, stored):
    digest = base64.b64encode(hashlib.sha224(password.encode("utf-8")).digest())
    return hmac.compare_digest(digest, stored.encode("utf-8"))


def admit(row):
    return {
        "Role": os.environ.get("ROLE", "arn:aws:iam::111111111111:role/sftp-transfer"),
        "Policy": json.dumps(POLICY),
        "HomeDirectory": row["HomeDirectory"],
    }


def lambda_handler(event, context):
    username, password = event["username"], event.get("password", "")
    if event["serverId"] not in os.environ["SERVER_IDS"].split(","):
        return refuse(event, "the server is not one of ours")
    if username.lower() in DENIED_NAMES:
        return refuse(event, "bots try this name")
    found = rows(username)
    if len(found) != 1:
        return refuse(event, "%d rows have this name" % len(found))
    row = found[0]
    if not password:
        keys = sorted(row.get("PublicKeys", []))
        return {**admit(row), "PublicKeys": keys} if keys else refuse(event, "he has no keys")
    if not is_password(password, row.get("password", "")):
        return refuse(event, "it is not his password")
    return admit(row)
