"""A small HTTP server on this machine that hands out the clips, and misbehaves where a test asks for it."""

import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from tests.conformance.clips import MAKERS, clip


@dataclass
class FileServer:
    """`url(...)` is what a request names; `asked` are the paths that were really asked for, in order.

    `later/<clip>` is given out only once `go` is set, and is 404 once it is in `gone`.
    """

    server: ThreadingHTTPServer
    asked: list[str] = field(default_factory=list)
    go: threading.Event = field(default_factory=threading.Event)
    gone: set[str] = field(default_factory=set)
    ended: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str) -> str:
        return f"http://{self.server.server_address[0]!s}:{self.server.server_port}/{path}"

    def close(self) -> None:
        self.ended.set()
        self.go.set()
        self.server.shutdown()
        self.server.server_close()


def start_file_server(host: str = "127.0.0.1") -> FileServer:
    """A server in a thread of its own. Raises `OSError` where the machine cannot listen on `host`."""
    files: FileServer

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path)
            files.asked.append(self.path)
            name = path.path.removeprefix("/")
            match name:
                case "hang":
                    files.ended.wait(60)
                case "page":
                    self.answer(
                        200, "text/html", b"<!doctype html><title>Watch</title><p>A page, no file.</p>"
                    )
                case "error":
                    self.answer(500, "text/plain", b"broken")
                case "cut":
                    content = clip("plain.mp4").read_bytes()
                    self.answer(200, "video/mp4", content[: len(content) // 2], claimed=len(content))
                case "redirect":
                    self.send_response(302)
                    self.send_header("Location", parse_qs(path.query)["to"][0])
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                case _ if name in files.gone:
                    self.answer(404, "text/plain", b"no longer here")
                case _ if name.startswith("later/"):
                    files.go.wait(60)
                    self.answer(200, "video/mp4", clip(name.removeprefix("later/")).read_bytes())
                case _ if name in MAKERS:
                    self.answer(200, "video/mp4", clip(name).read_bytes())
                case _:
                    self.answer(404, "text/plain", b"nothing here")

        def answer(self, status: int, kind: str, content: bytes, claimed: int | None = None) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content) if claimed is None else claimed))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """The tests read `asked`."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that goes away early is what some tests are about."""

    files = FileServer(Server((host, 0), Handler))
    threading.Thread(target=files.server.serve_forever, daemon=True).start()
    return files
