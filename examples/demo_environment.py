"""
Print what the other examples need to know of a running demo, as lines for a shell:

    eval "$(python examples/demo_environment.py)"
    eval "$(python examples/demo_environment.py --webhook http://127.0.0.1:9000/webhooks)"

The second makes a webhook to that address, too, and prints its secret, which is shown only this once. For an address
that has one already it makes a new secret.
"""

import argparse
import json
import shlex
import urllib.request
from pathlib import Path
from typing import Any


def main() -> None:
    """Read the demo's file, make the webhook if asked to, and print."""
    parser = argparse.ArgumentParser(description="Print the demo's address and key for a shell.")
    parser.add_argument("--data-dir", type=Path, default=Path("var/demo"), help="the demo's data directory")
    parser.add_argument("--webhook", metavar="URL", help="make a webhook to this address")
    arguments = parser.parse_args()
    demo = json.loads((arguments.data_dir / "demo.json").read_text(encoding="utf-8"))
    lines = {
        "WAYPOST_URL": demo["base_url"],
        "WAYPOST_API_KEY": demo["api_key"],
        "PHONE": demo["phone"],
        "SOURCE_PHONE": demo["source_phone"],
        "SANDBOX": demo["sandbox_url"],
        "PICTURE": str(arguments.data_dir / "picture.png"),
    }
    if arguments.webhook:
        lines["WEBHOOK_SECRET"] = make_webhook(demo, arguments.webhook)
    for name, value in lines.items():
        print(f"export {name}={shlex.quote(value)}")


def make_webhook(demo: dict[str, str], url: str) -> str:
    """Make a webhook for incoming messages and delivery statuses, or renew the one there is; return its secret."""
    for webhook in call(demo, "GET", "/manage/v1/webhooks")["items"]:
        if webhook["url"] == url:
            return str(call(demo, "POST", f"/manage/v1/webhooks/{webhook['id']}/rotate-secret")["secret"])
    return str(call(demo, "POST", "/manage/v1/webhooks", {"url": url, "kinds": ["incoming", "event"]})["secret"])


def call(demo: dict[str, str], method: str, path: str, content: object = None) -> Any:
    """Return what the manage API answers."""
    request = urllib.request.Request(  # noqa: S310 - the demo's own address
        demo["base_url"] + path,
        method=method,
        data=None if content is None else json.dumps(content).encode(),
        headers={"Authorization": f"Bearer {demo['api_key']}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
        return json.load(response)


if __name__ == "__main__":
    main()
