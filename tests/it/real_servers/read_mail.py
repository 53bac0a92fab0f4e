"""Reads a Maildir folder the way a mail program does, by a parser that is not ours, and prints it
as JSON: headers decoded, parts decoded, and everything about the bytes that a strict server or an
old mail program could stumble over."""

import email
import email.policy
import json
import pathlib
import sys
from html.parser import HTMLParser

EMPTY = {"meta", "br", "hr", "img", "link", "input"}


class Balance(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.wrong, self.links, self.text = [], [], [], []

    def handle_starttag(self, tag, attrs):
        if tag not in EMPTY:
            self.open.append(tag)
        self.links += [value for name, value in attrs if name in ("href", "src")]

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        self.text.append(data)


def read(path):
    raw = path.read_bytes()
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    head = raw.split(b"\n\n", 1)[0]
    parts, defects = [], [repr(defect) for defect in mail.defects]
    for part in mail.walk():
        defects += [repr(defect) for defect in part.defects]
        if not part.is_multipart():
            parts.append({
                "type": part.get_content_type(),
                "charset": part.get_content_charset(),
                "encoding": str(part["Content-Transfer-Encoding"] or "7bit"),
                "text": part.get_content().replace("\r\n", "\n"),
            })
    html = Balance()
    for part in parts:
        if part["type"] == "text/html":
            html.feed(part["text"])
    for name, value in mail.items():
        defects += [f"{name}: {defect!r}" for defect in getattr(value, "defects", ())]
    return {
        "headers": {name.lower(): str(value) for name, value in mail.items()},
        "type": mail.get_content_type(),
        "parts": parts,
        "longest_line": max(len(line) for line in raw.split(b"\n")),
        "longest_header_line": max(len(line) for line in head.split(b"\n")),
        "eight_bit": any(byte > 127 for byte in raw),
        "defects": defects,
        "html_wrong": html.wrong + html.open,
        "html_links": html.links,
        "html_text": "".join(html.text),
    }


def age(path):
    return path.stat().st_mtime_ns, path.name


print(json.dumps([read(path) for path in sorted(pathlib.Path(sys.argv[1]).iterdir(), key=age)]))
