"""
Send a picture to a phone, and wait until it is there.

    python examples/send_a_picture.py 12025550143 picture.png

Needs WAYPOST_URL and WAYPOST_API_KEY. The phone's owner must have written within the last 24 hours.
"""

import sys

from waypost.client import Client, Media, WaypostError


def main(to: str, picture: str) -> int:
    """Upload, send, wait, and say what became of it."""
    try:
        with Client() as client:
            source = next(source for source in client.sources.list() if source.is_default)
            media_id = client.media.upload(picture)
            print(f"uploaded as {media_id}")
            sent = client.send(Media(to=to, source=source.id, media_id=media_id, caption="Ready for collection"))
            print(f"accepted as {sent.id}")
            report = client.wait_for(sent.id, "delivered")
            print(f"now {report.status}")
    except WaypostError as error:
        # The text says what is wrong and what to do about it.
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
