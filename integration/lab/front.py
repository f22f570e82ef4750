"""Everything that lies outside the VPC but AWS, told apart by host name: package archives, images, files."""
from __future__ import annotations

import posixpath
import urllib.parse

from . import layer
from .registry import RegistryHandler
from .serve import Handler


class FrontHandler(Handler):
    def _route(self) -> None:
        host = self.headers.get("Host", "").partition(":")[0].lower()
        if host == layer.DEBIAN_HOST:
            self._file("packages", "debian-archive", self.path.removeprefix("/debian"))
        elif host == layer.KUBERNETES_HOST:
            self._file("packages", "kubernetes-archive", self.path)
        elif host == layer.FILES_HOST:
            self._file("files", "files", self.path)
        elif host in layer.REGISTRY_HOSTS:
            RegistryHandler.handle(self, host)
        else:
            self.reply(421, f"the lab serves no {host}\n")

    def _file(self, target: str, folder: str, path: str) -> None:
        clean = posixpath.normpath(urllib.parse.unquote(path.partition("?")[0])).lstrip("/")
        outcome = "broken"
        try:
            self.begin(target, path=clean)
            if "status" in self.effects:
                self.reply(int(self.effects["status"]))
            elif clean.startswith(".."):
                self.reply(403)
            else:
                self.reply_file(self.lab.folder / folder / clean)
            outcome = "served"
        finally:
            self.lab.log_request(source=self.source, host=self.headers.get("Host", ""), outcome=outcome,
                                 service=target, action=self.command, subject=clean)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _route
