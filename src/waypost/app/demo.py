"""
The demo: gateway, sandbox and webhook inspector in one process, with an account to play with.

The first start creates the account, its key, its source, its phone and its webhook; later starts find them again. What
a user needs to know is written to ``demo.json`` and printed with lines to paste.
"""

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from waypost.app.demo_account import DemoAccount, provide_account
from waypost.app.demo_story import print_story, write_demo_file, write_picture
from waypost.app.demo_templates import provide_templates
from waypost.app.foundation import Foundation
from waypost.app.gateway import Gateway
from waypost.app.parts import Part
from waypost.app.seeding import SeedOrder, seed_account
from waypost.sandbox import Inspector, InspectorSettings, Sandbox, SandboxSettings, build_sandbox, serve
from waypost.sandbox.inbound import InboundBuilder
from waypost.service import Service
from waypost.settings import Role, Settings
from waypost.web.first_run import first_run_code

GREETING = "Hello, is my bicycle ready?"
ALL_ROLES: frozenset[Role] = frozenset(get_args(Role))
LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


def demo_settings(settings: Settings) -> Settings:
    """
    Return the settings the demo runs with.

    Sources are bound to the sandbox, and webhooks and attachments may come from this machine. The sandbox takes the
    port after the gateway's, or any free one.
    """
    changes: Mapping[str, object] = {
        "default_provider": "sandbox",
        "sandbox_url": f"http://127.0.0.1:{_free_port(settings.port + 1 if settings.port else 0)}",
        "allow_http_urls": True,
        "allowed_networks": (*settings.allowed_networks, *LOOPBACK),
    }
    return settings.model_copy(update=changes)


@dataclass(frozen=True, slots=True)
class Demo:
    """The demo's services in order, and what to do when all of them serve."""

    gateway: Gateway
    account: DemoAccount
    sandbox: Sandbox
    services: list[Service]

    async def greet(self) -> None:
        """Let the customer write first if they never have: that opts them in, and opens the 24-hour window."""
        network = self.sandbox.network
        phone = network.phone(self.account.phone)
        if phone.thread:
            return
        builder = InboundBuilder(network=network, media=self.sandbox.media, groups=self.sandbox.groups)
        greeting = {"to": self.account.source_phone, "type": "text", "text": {"body": GREETING}}
        self.sandbox.delivery.tell_inbound(await builder.build(phone, greeting, None, ""))

    def announce(self, *, has_users: bool) -> None:
        """Say that the demo is ready: in the health check, in ``demo.json``, and on standard output."""
        settings = self.gateway.foundation.settings
        base_url = f"http://127.0.0.1:{self.gateway.server.port}"
        facts = {
            "base_url": base_url,
            "api_key": self.account.api_key,
            "source_id": self.account.source_id,
            "source_phone": self.account.source_phone,
            "phone": self.account.phone,
            "sandbox_url": settings.sandbox_url or "",
            "console_url": f"{base_url}/console/",
            "handset_url": f"{settings.sandbox_url}/sandbox/handset/",
            "inspector_url": f"{settings.sandbox_url}/inspector/",
        }
        picture = write_picture(settings.data_dir)
        write_demo_file(settings.data_dir, facts)
        self.gateway.is_ready = True
        code = "" if has_users else first_run_code(self.gateway.foundation.token_key)
        print_story(facts, picture, first_run_code=code)


async def build_demo(foundation: Foundation, seed: SeedOrder | None = None) -> Demo:
    """
    Build the demo over an open foundation, whose settings come from ``demo_settings``.

    ``seed``: with so much traffic of the past, which is added first.
    """
    settings = foundation.settings
    assert settings.sandbox_url is not None
    gateway = Gateway(foundation, ALL_ROLES)
    account = await provide_account(foundation, sandbox_url=settings.sandbox_url)
    if seed is not None:
        await seed_account(foundation, account, seed)
    inspector = Inspector(InspectorSettings(secret=account.webhook_secret, data_dir=settings.data_dir / "sandbox"))
    sandbox = build_sandbox(
        SandboxSettings(base_url=settings.sandbox_url, data_dir=settings.data_dir / "sandbox"), inspector=inspector
    )
    port = int(settings.sandbox_url.rpartition(":")[2])
    services: list[Service] = []
    for service in gateway.services:
        if service is gateway.server:
            # Not sooner: until the data directory is known to be ours, the sandbox's files in it may be another's.
            services.append(_serving(sandbox, port))
        services.append(service)
        if service is gateway.server:
            services.append(Part(name="demo-number", opening=lambda: _register(sandbox, gateway, account)))
    return Demo(gateway, account, sandbox, services)


def _serving(sandbox: Sandbox, port: int) -> Part:
    """Return the sandbox as a service of its own port."""
    tasks: list[asyncio.Task[None]] = []

    async def open_sandbox() -> None:
        ready = asyncio.Event()
        task = asyncio.create_task(serve(sandbox, "127.0.0.1", port, lambda _: ready.set()), name="sandbox")
        tasks.append(task)
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if task.done():
            await task

    async def close_sandbox() -> None:
        for task in tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        tasks.clear()

    return Part(name="sandbox", opening=open_sandbox, closing=close_sandbox)


async def _register(sandbox: Sandbox, gateway: Gateway, account: DemoAccount) -> None:
    """Put the demo's numbers on the sandbox's network, with this gateway's webhook; a later start renews it."""
    for source in gateway.foundation.directory.now.sources.values():
        if source.account_id == account.account_id and source.waba_id == account.waba_id:
            sandbox.network.register_number(
                phone_number_id=source.phone_number_id,
                display_phone_number=source.phone_number,
                waba_id=source.waba_id,
                access_token=source.access_token,
                app_secret=source.app_secret or account.app_secret,
                callback_url=f"http://127.0.0.1:{gateway.server.port}/webhooks/cloud_api/{source.id}",
                verify_token=source.verify_token,
                verified_name=source.name,
            )
    sandbox.network.phone(account.phone)
    provide_templates(sandbox, account.waba_id)


def _free_port(wanted: int) -> int:
    """Return the wanted port of loopback if it is free, else one that is."""
    for port in (wanted, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise OSError("no free port on 127.0.0.1")
