"""Calls the lambda_handler of the file that is named, once for each line of JSON on standard input.

Writes "returned JSON" or "failed JSON" for each. What the handler prints goes to standard error.
"""

import importlib.util
import json
import os
import sys


def failure(kind, message):
    return "failed " + json.dumps({"errorType": kind, "errorMessage": str(message)})


def invoke(handler, line):
    try:
        answer = handler(json.loads(line), None)
    except Exception as error:
        return failure(type(error).__name__, error)
    try:
        return "returned " + json.dumps(answer)
    except (TypeError, ValueError) as error:
        return failure("Runtime.MarshalError", error)


def main():
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    spec = importlib.util.spec_from_file_location("function", sys.argv[1])
    function = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(function)
    for line in sys.stdin:
        answers.write(invoke(function.lambda_handler, line) + "\n")
        answers.flush()


main()
