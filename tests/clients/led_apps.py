"""Old Python apps' ways to Cloudant; run with the preload's text before it: see test_led_clients.py.

HOST, LOGIN, PASSWORD and DB are in the environment. Each prints what came back as JSON on one line.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

HOST, LOGIN, PASSWORD, DB = (os.environ[name] for name in ("HOST", "LOGIN", "PASSWORD", "DB"))
URL = f"https://{HOST}"
TIMEOUT_S = 60


def cloudant() -> Any:
    from cloudant.client import Cloudant

    client = Cloudant(LOGIN, PASSWORD, url=URL, connect=True)
    db = client[DB]
    doc = db.create_document({"_id": "milk", "title": "buy milk"})
    titles = [row["title"] for row in db]
    doc.fetch()
    client.disconnect()
    return {"titles": titles, "title": doc["title"]}


def requests() -> Any:
    import requests

    with requests.Session() as session:
        session.auth = (LOGIN, PASSWORD)
        put = session.put(f"{URL}/{DB}/milk", json={"title": "buy milk"}, timeout=TIMEOUT_S)
        got = session.get(f"{URL}/{DB}/milk", timeout=TIMEOUT_S)
        plain = session.get(f"http://{HOST}/{DB}/milk", timeout=TIMEOUT_S)
    return {"put": put.status_code, "title": got.json()["title"], "plain": plain.status_code}


def ibmcloudant() -> Any:
    from ibm_cloud_sdk_core.authenticators import BasicAuthenticator
    from ibmcloudant.cloudant_v1 import CloudantV1

    service = CloudantV1(authenticator=BasicAuthenticator(LOGIN, PASSWORD))
    service.set_service_url(URL)
    service.put_document(db=DB, doc_id="milk", document={"title": "buy milk"})
    return {"title": service.get_document(db=DB, doc_id="milk").get_result()["title"]}


def urllib() -> Any:
    import base64
    from urllib.request import Request, urlopen

    token = base64.b64encode(f"{LOGIN}:{PASSWORD}".encode()).decode()
    headers = {"Authorization": f"Basic {token}", "Content-Type": "application/json"}
    body = b'{"title": "buy milk"}'
    with urlopen(Request(f"{URL}/{DB}/milk", body, headers, method="PUT"), timeout=TIMEOUT_S) as answer:
        return {"put": answer.status}


def aiohttp() -> Any:
    import aiohttp

    async def main() -> Any:
        auth = aiohttp.BasicAuth(LOGIN, PASSWORD)
        async with aiohttp.ClientSession(auth=auth) as session:
            async with session.put(f"{URL}/{DB}/milk", json={"title": "buy milk"}) as answer:
                put = answer.status
            async with session.get(f"{URL}/{DB}/milk") as answer:
                got = await answer.json()
            async with session.get(f"http://{HOST}/{DB}") as answer:
                plain = answer.status
            ids = []
            feed = f"{URL}/{DB}/_changes?feed=continuous&timeout=60000"
            async with session.get(feed) as answer:
                async for line in answer.content:
                    if line.strip():
                        ids.append(json.loads(line)["id"])
                        if ids[-1] == "last":
                            break
                        await session.put(f"{URL}/{DB}/last", json={})
        return {"put": put, "title": got["title"], "plain": plain, "ids": ids}

    return asyncio.run(main())


def large() -> Any:
    """A body of some MB each way over a streamed asyncio connection, and over a plain socket."""
    import aiohttp
    import requests

    text = "x" * 3_000_000

    async def main() -> int:
        async with aiohttp.ClientSession(auth=aiohttp.BasicAuth(LOGIN, PASSWORD)) as session:
            async with session.put(f"{URL}/{DB}/large", json={"text": text}) as answer:
                assert answer.status == 201, answer.status
            async with session.get(f"{URL}/{DB}/large") as answer:
                return len((await answer.json())["text"])

    first = asyncio.run(main())
    got = requests.get(f"{URL}/{DB}/large", auth=(LOGIN, PASSWORD), timeout=TIMEOUT_S)
    return {"asyncio": first, "socket": len(got.json()["text"])}


def sockets() -> Any:
    """A socket that is wrapped before it is connected, and by name."""
    import socket
    import ssl

    context = ssl.create_default_context()
    with context.wrap_socket(socket.socket(), server_hostname=HOST) as wrapped:
        wrapped.connect((HOST, 443))
        wrapped.sendall(f"GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
        answer = wrapped.makefile("rb").read()
        kind = isinstance(wrapped, ssl.SSLSocket)
        certificate: Any = wrapped.getpeercert()
    return {"status": int(answer.split()[1]), "kind": kind, "name": certificate["subjectAltName"][0][1]}


def other() -> Any:
    """A host of another account is looked up as ever."""
    import socket

    import requests

    try:
        requests.get(f"https://other.{HOST}.invalid/", timeout=TIMEOUT_S)
    except requests.ConnectionError as refused:
        found: BaseException | None = refused
        names = set()
        while found is not None:
            names.add(type(found).__name__)
            found = found.__cause__ or found.__context__
        return {"gaierror": socket.gaierror.__name__ in names}
    return {}


def real_tls() -> Any:
    """TLS to a server of the app's own stays TLS."""
    import socket
    import ssl
    import threading

    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(os.environ["CERT"], os.environ["KEY"])
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for _ in range(2):
            connection, _ = listener.accept()
            try:
                with serving.wrap_socket(connection, server_side=True) as secured:
                    secured.sendall(b"hello")
            except (ssl.SSLError, OSError):
                connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    port = listener.getsockname()[1]
    refused = ""
    try:
        ssl.create_default_context().wrap_socket(
            socket.create_connection(("127.0.0.1", port)), server_hostname="acme.example"
        )
    except ssl.SSLCertVerificationError as error:
        refused = type(error).__name__
    trusting = ssl.create_default_context(cafile=os.environ["CERT"])
    trusting.check_hostname = False
    with trusting.wrap_socket(socket.create_connection(("127.0.0.1", port))) as secured:
        text = secured.recv(100).decode()
        version = secured.version()
    thread.join()
    listener.close()
    return {"refused": refused, "text": text, "version": version}


def environment() -> Any:
    return {"left": [name for name in os.environ if "ACCOUNTS" in name]}


print(json.dumps(globals()[sys.argv[1]]()))
