"""What the demo tells its user: a file of facts, a picture to send, and lines to paste."""

import json
import struct
import sys
import zlib
from collections.abc import Mapping
from math import isqrt
from pathlib import Path

from waypost.app.private_files import write_private

DEMO_FILE = "demo.json"
PICTURE_FILE = "picture.png"
_WIDTH, _HEIGHT = 320, 200


def write_demo_file(data_dir: Path, facts: Mapping[str, str]) -> None:
    """Write the facts for programs, mode 0600: the API key is among them."""
    write_private(data_dir / DEMO_FILE, json.dumps(dict(facts), indent=1) + "\n")


def write_picture(data_dir: Path) -> Path:
    """Draw the picture that the story sends; return its whole path, since the lines are pasted anywhere."""
    path = data_dir.resolve() / PICTURE_FILE
    path.write_bytes(_draw())
    return path


def print_story(facts: Mapping[str, str], picture: Path, *, first_run_code: str) -> None:
    """
    Print what runs where, and the lines that send a picture to the phone and read what became of it.

    ``first_run_code`` is ``""`` once there is a user of the console.
    """
    entry = f"first visit: code {first_run_code}" if first_run_code else "sign in"
    sys.stdout.write(_STORY.format(**facts, picture=picture, entry=entry) + "\n")
    sys.stdout.flush()


_STORY = """
Waypost demo is ready.

  handset     {handset_url}   the customer's phone
  console     {console_url}   {entry}
  inspector   {inspector_url}   the webhooks that your application would get
  API         {base_url}   key {api_key}
  API pages   {base_url}/docs

See a picture arrive: open the handset, and paste this line into another terminal.

curl -sS -X POST {base_url}/api/v2/message/ -H 'Authorization: Bearer {api_key}' -H 'Content-Type: application/json' -d '{{"message":[{{"recipient_whatsapp":"{phone}","message_type":"media","recipient_type":"individual","source":"{source_id}","x-apiheader":"ticket-117","type_media":[{{"attachments":[{{"attachment_id":"'$(curl -sS -X POST {base_url}/api/v2/media/upload/ -H 'Authorization: Bearer {api_key}' -F 'file=@{picture};type=image/png' | sed 's/.*"mediaId":"\\([^"]*\\)".*/\\1/')'","caption":"This is your bicycle"}}]}}]}}]}}'; echo

The same step by step, with what becomes of it:

# 1. The customer writes first: that opts them in and opens the 24-hour window.
curl -sS -X POST {sandbox_url}/sandbox/phones/{phone}/messages -H 'Content-Type: application/json' -d '{{"to":"{source_phone}","type":"text","text":{{"body":"Is my bicycle ready?"}}}}'

# 2. Upload a picture.
MEDIA_ID=$(curl -sS -X POST {base_url}/api/v2/media/upload/ -H 'Authorization: Bearer {api_key}' -F 'file=@{picture};type=image/png' | sed 's/.*"mediaId":"\\([^"]*\\)".*/\\1/'); echo "media $MEDIA_ID"

# 3. Send it.
MESSAGE_ID=$(curl -sS -X POST {base_url}/api/v2/message/ -H 'Authorization: Bearer {api_key}' -H 'Content-Type: application/json' -d '{{"message":[{{"recipient_whatsapp":"{phone}","message_type":"media","recipient_type":"individual","source":"{source_id}","x-apiheader":"ticket-118","type_media":[{{"attachments":[{{"attachment_id":"'$MEDIA_ID'","caption":"Ready for collection"}}]}}]}}]}}' | sed 's/.*"id":"\\([^"]*\\)".*/\\1/'); echo "message $MESSAGE_ID"

# 4. Read what became of it: accepted, sent, delivered, read.
curl -sS {base_url}/api/v2/message/$MESSAGE_ID -H 'Authorization: Bearer {api_key}'; echo

# 5. See it on the phone, and the webhooks that told of it.
curl -sS {sandbox_url}/sandbox/phones/{phone}/messages; echo
curl -sS '{inspector_url}events?ncmessage_id='$MESSAGE_ID; echo
"""  # noqa: E501 - lines to paste stay in one piece


def _draw() -> bytes:
    """Return a PNG: a sky, a sun, a hill; 320 by 200 pixels."""
    rows = bytearray()
    for y in range(_HEIGHT):
        row = bytearray(bytes((120 + y // 2, 180 + y // 4, 235)) * _WIDTH)
        if 30 < y < 90:
            _fill(row, middle=230, half=isqrt(899 - (y - 60) ** 2), colour=b"\xff\xd6\x66")
        if y > 150:
            _fill(row, middle=160, half=isqrt((y - 150) * 400), colour=bytes((52, y - 30, 72)))
        rows += b"\0" + row
    header = struct.pack(">IIBBBBB", _WIDTH, _HEIGHT, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(rows), 9)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _fill(row: bytearray, *, middle: int, half: int, colour: bytes) -> None:
    """Colour the pixels of a row that are at most ``half`` from ``middle``."""
    first, end = max(0, middle - half), min(_WIDTH, middle + half + 1)
    row[3 * first : 3 * end] = colour * (end - first)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
