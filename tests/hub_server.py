"""A small Hugging Face Hub on this machine: datasets are made, committed to, listed and downloaded. No LFS, no xet."""

import base64
import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit


class Hub:
    """datasets: of each name the commits, as {revision: {path: content}}, the last being main. private: names of those.

    tokens: that came with requests. Requests without the token are refused to write. url: for HF_ENDPOINT. cut: bytes
    of a file after which the connection breaks, once. refused: paths of files that are not given out. asked: paths of
    requests. given: paths of files that were given out. ranges: where the parts began that were asked for.
    """

    def __init__(self, token="secret", cut=None, refused=()):
        self.datasets, self.private, self.tokens = {}, set(), set()
        self.cut, self.refused = cut, refused
        self.asked, self.given, self.ranges = [], [], []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_HEAD(self):
                self.do_GET()

            def do_POST(self):
                self.do_GET()

            def do_GET(self):
                path = unquote(urlsplit(self.path).path).strip("/")
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                given = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
                hub.tokens.add(given)
                hub.asked.append(path)
                if self.command == "POST" and given != token:
                    return self.reply(401, {"error": "Invalid credentials in Authorization header"})
                if path == "api/repos/create":
                    return self.create(json.loads(body))
                if path == "api/validate-yaml":
                    return self.reply(200, {"errors": [], "warnings": []})
                kind, *parts = path.removeprefix("api/").split("/")
                name, action, rest = "/".join(parts[:2]), parts[2] if len(parts) > 2 else "revision", parts[3:]
                if kind != "datasets" or name not in hub.datasets:
                    return self.reply(404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
                if action == "preupload":
                    files = [
                        {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}
                        for file in json.loads(body)["files"]
                    ]
                    return self.reply(200, {"files": files})
                if action == "commit":
                    return self.commit(name, [json.loads(line) for line in body.splitlines()])
                revision = hub.find(name, rest[0] if rest else "main")
                if revision is None:
                    return self.reply(404, {"error": "Revision not found"}, {"X-Error-Code": "RevisionNotFound"})
                return getattr(self, action)(name, revision, "/".join(rest[1:]))

            def create(self, asked):
                name = f"{asked['organization']}/{asked['name']}"
                if name in hub.datasets:
                    return self.reply(409, {"error": "it is there", "url": f"{hub.url}/datasets/{name}"})
                hub.commit(name, {".gitattributes": b""})
                if asked.get("visibility") == "private":
                    hub.private.add(name)
                return self.reply(200, {"url": f"{hub.url}/datasets/{name}", "name": name})

            def commit(self, name, lines):
                files = dict(hub.files(name))
                for line in lines:
                    if line["key"] == "file":
                        files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
                    elif line["key"] == "deletedFile":
                        del files[line["value"]["path"]]
                sha = hub.commit(name, files)
                return self.reply(
                    200, {"commitOid": sha, "commitUrl": f"{hub.url}/datasets/{name}/commit/{sha}", "success": True}
                )

            def revision(self, name, revision, _):
                files = [{"rfilename": path} for path in hub.datasets[name][revision]]
                about = {"id": name, "sha": revision, "private": name in hub.private, "siblings": files}
                self.reply(200, about | {"author": name.split("/")[0], "disabled": False, "gated": False, "tags": []})

            def tree(self, name, revision, _):
                files = hub.datasets[name][revision]
                self.reply(
                    200,
                    [
                        {"type": "file", "path": path, "size": len(files[path]), "oid": digest(files[path])}
                        for path in files
                    ],
                )

            def resolve(self, name, revision, path):
                content = hub.datasets[name][revision].get(path)
                if content is None:
                    return self.reply(404, {"error": "Entry not found"}, {"X-Error-Code": "EntryNotFound"})
                if path in hub.refused:
                    return self.reply(403, {"error": "Forbidden"})
                hub.given += [path] * (self.command == "GET")
                headers = {"ETag": f'"{digest(content)}"', "X-Repo-Commit": revision, "Accept-Ranges": "bytes"}
                part = re.fullmatch(r"bytes=(\d+)-.*", self.headers.get("Range", ""))
                if not part or self.command == "HEAD" or part[1] == "0":
                    return self.reply(200, content, headers, hub.cut)
                first = int(part[1])
                hub.ranges.append(first)
                headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
                return self.reply(206, content[first:], headers)

            def reply(self, status, body, headers=None, cut=None):
                content = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for key, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
                    self.send_header(key, value)
                self.end_headers()
                if self.command == "HEAD":
                    return
                if cut is not None and len(content) > cut:
                    hub.cut, self.close_connection = None, True
                    content = content[:cut]
                self.wfile.write(content)

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def commit(self, name, files, sha=None):
        """Files, {path: content}, as the next commit of a dataset; returns its revision."""
        commits = self.datasets.setdefault(name, {})
        sha = sha or digest(json.dumps([name, len(commits)]).encode())
        commits[sha] = dict(files)
        return sha

    def find(self, name, revision):
        """The full revision of one, or None."""
        commits = self.datasets[name]
        return list(commits)[-1] if revision == "main" else revision if revision in commits else None

    def files(self, name, revision="main"):
        return self.datasets[name][self.find(name, revision)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()


def digest(content):
    return hashlib.sha1(content).hexdigest()
