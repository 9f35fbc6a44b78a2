"""Reads field values, one JSON string a line, and answers each with what a structured-field parser
makes of it: {"members": [[name, {parameter: value}], ..], "again": the value written anew}."""

import base64
import json
import sys

import http_sf


def plain(value):
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value


for line in sys.stdin:
    field = json.loads(line)
    try:
        members = http_sf.parse(field.encode(), tltype="list")
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    else:
        shown = [[name, {key: plain(value) for key, value in parameters.items()}] for name, parameters in members]
        answer = {"members": shown, "again": http_sf.ser(members)}
    print(json.dumps(answer), flush=True)
