"""Deploys a wskdeploy manifest for tests: packages, actions from zipped folders, APIs; nothing else of it.

It sends what wskdeploy sends, in its order: packages, actions, then one createApi a leaf.
"""

from __future__ import annotations

import base64
import io
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import yaml


def zipped(folder: Path, includes: list[list[str]]) -> str:
    """The folder as a zip in base64; `includes` are [glob beside the folder, where it goes]."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                archive.write(path, path.relative_to(folder))
        for pattern, target in includes:
            for path in sorted(folder.parent.glob(pattern)):
                if path.is_file():
                    archive.write(path, f"{target.rstrip('/')}/{path.name}")
    return base64.b64encode(packed.getvalue()).decode()


def filled(value: Any, env: Mapping[str, str]) -> Any:
    """An input with its $NAME from the environment."""
    return (
        re.sub(r"\$\{?(\w+)\}?", lambda found: env.get(found[1], ""), value)
        if isinstance(value, str)
        else value
    )


class Deployer:
    """Sends a manifest to the functions host at `url`, as the owner of `key` ("uuid:secret")."""

    def __init__(self, url: str, key: str, session: aiohttp.ClientSession) -> None:
        self._url = url
        self._key = key
        self._session = session

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": aiohttp.encode_basic_auth(*self._key.split(":", 1))}
        async with self._session.request(method, self._url + path, json=body, headers=headers) as answer:
            found = await answer.json()
            assert answer.status < 300, (method, path, answer.status, found)
            return found

    async def deploy(self, manifest: Path, env: Mapping[str, str]) -> dict[str, str]:
        """Deploys it; the URL of each API by its name."""
        urls: dict[str, str] = {}
        for name, package in yaml.safe_load(manifest.read_text(encoding="utf-8"))["packages"].items():
            inputs = [{"key": key, "value": filled(value, env)} for key, value in package["inputs"].items()]
            put = {"parameters": inputs, "version": str(package["version"])}
            await self.ask("PUT", f"/api/v1/namespaces/_/packages/{name}?overwrite=true", put)
            for action, about in package["actions"].items():
                code = zipped(manifest.parent / about["function"], about.get("include", []))
                web = [{"key": "web-export", "value": about["web-export"]}, {"key": "final", "value": True}]
                body = {"exec": {"kind": about["runtime"], "code": code}, "annotations": web}
                await self.ask("PUT", f"/api/v1/namespaces/_/actions/{name}/{action}?overwrite=true", body)
            for api, bases in package.get("apis", {}).items():
                urls[api] = await self._api(name, api, bases)
        return urls

    async def _api(self, package: str, api: str, bases: Mapping[str, Any]) -> str:
        url = ""
        for base, paths in bases.items():
            for path, actions in paths.items():
                for action, how in actions.items():
                    doc = {
                        "namespace": "_",
                        "apiName": api,
                        "gatewayBasePath": base,
                        "gatewayPath": path,
                        "gatewayMethod": how["method"].upper(),
                        "id": f"API:_:{base}",
                        "action": {
                            "name": f"{package}/{action}",
                            "namespace": "_",
                            "backendMethod": how["method"].upper(),
                            "backendUrl": f"https://{self._url}/api/v1/web/_/{package}/{action}.{how['response']}",
                            "authkey": self._key,
                        },
                    }
                    owner = self._key.split(":")[0]
                    query = f"accesstoken=DUMMY+TOKEN&responsetype={how['response']}&spaceguid={owner}"
                    made = await self.ask(
                        "POST", f"/api/v1/web/whisk.system/apimgmt/createApi.http?{query}", {"apidoc": doc}
                    )
                    url = made["gwApiUrl"]
        return url
