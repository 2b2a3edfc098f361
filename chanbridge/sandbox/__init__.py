"""Simulated providers on loopback ports, with customers' phones: for trying, for tests, for demos.

`Sandbox` starts them, `Phone` (here) and `RemotePhone` (from another process) play the customer,
`Faults` make things go wrong. A plugin adds a provider by subclassing `Simulator`.
"""

from __future__ import annotations

from chanbridge.sandbox.clock import Clock
from chanbridge.sandbox.engine import Sandbox
from chanbridge.sandbox.faults import Fault, Faults
from chanbridge.sandbox.phones import File, Option, Phone, PhoneActions, Said, Seen
from chanbridge.sandbox.remote import RemotePhone, RemoteSandbox, SandboxError
from chanbridge.sandbox.routing import Call, Refusal, Route, Upload, basic, bearer, multipart
from chanbridge.sandbox.simulator import Simulator
from chanbridge.sandbox.webhooks import Delivery, Webhook
from chanbridge.sandbox.wire import fetch

__all__ = [
    "Call",
    "Clock",
    "Delivery",
    "Fault",
    "Faults",
    "File",
    "Option",
    "Phone",
    "PhoneActions",
    "Refusal",
    "RemotePhone",
    "RemoteSandbox",
    "Route",
    "Said",
    "Sandbox",
    "SandboxError",
    "Seen",
    "Simulator",
    "Upload",
    "Webhook",
    "basic",
    "bearer",
    "fetch",
    "multipart",
]
