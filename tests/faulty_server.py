"""A proxy before a real OpenAI-compatible server, or in its place, which fails in every way that servers do."""

import json
import socket
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def free_port():
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return opened.getsockname()[1]


def completion(content="<answer>A</answer>", finish="stop", **message):
    """An answer as servers write it. message: what stands beside the content."""
    said = {"role": "assistant", "content": content, **message}
    return {
        "id": "x",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [{"index": 0, "message": said, "finish_reason": finish}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12},
    }


class Proxy:
    """For the nth POST it does what `script` says; without an entry it only passes on.

    slow: after `late` seconds. 429, 500: that status, with Retry-After; busy: 429 without. malformed: a page instead of
    JSON. wrong: `content` instead of the model's answer. empty: no content. blank: not a byte. schema: no choices. cut:
    half of an answer. drop: the connection is closed without an answer; refused: so too, and nobody listens for a
    while; short: in the middle of one; stall: half of one, and then nothing for `late` seconds. dribble: the whole of
    one, bit by bit. max_tokens, logprobs: a refusal of that option, by name; "top N": of more than N top_logprobs.

    own: of the body of a POST what is answered to it, (status, JSON object, headers), or None to go on as above.
    key: without which it refuses, repeating what it was given.
    given: how often each was done. asked: when each POST came. done: how often each prompt was answered in full, and
    tokens: of these answers, (read, written). generated: of all answers that the server has made. bodies: of all POSTs.
    """

    def __init__(self, server=None, script=(), content=None, retry_after="0", late=3, key=None, own=None):
        self.server, self.script, self.content = server, iter(script), content
        self.lock, self.given, self.asked = threading.Lock(), Counter(), []
        self.bodies = []
        self.done, self.tokens, self.generated = Counter(), [0, 0], [0, 0]
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.0"

            def log_message(self, *_):
                pass

            def allowed(self):
                given = self.headers["Authorization"]
                if key in (None, given.removeprefix("Bearer ")):
                    return True
                self.reply(401, json.dumps({"error": {"message": f"Incorrect API key provided: {given}"}}).encode())
                return False

            def do_GET(self):
                if not self.allowed():
                    return
                self.reply(200, urllib.request.urlopen(f"{proxy.server}{self.path}").read())

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if not self.allowed():
                    return None
                with proxy.lock:
                    fault = next(proxy.script, None)
                    proxy.given[fault] += 1
                    proxy.asked.append(time.monotonic())
                    proxy.bodies.append(body)
                if own and (given := own(body)):
                    status, said, *headers = given
                    if status == 200:
                        with proxy.lock:
                            proxy.done[json.dumps(body["messages"])] += 1
                    return self.reply(status, json.dumps(said).encode(), *headers)
                if fault in ("429", "500"):
                    return self.reply(int(fault), b'{"error": {"message": "busy"}}', {"Retry-After": retry_after})
                if fault == "busy":
                    return self.reply(429, b'{"error": {"message": "too many"}}')
                if fault == "blank":
                    return self.reply(200, b"")
                if fault == "malformed":
                    return self.reply(200, b"<html>gateway</html>", {"Content-Type": "text/html"})
                if fault == "max_tokens" and "max_tokens" in body:
                    said = "Unsupported parameter: 'max_tokens' is not supported with this model."
                    return self.reply(400, json.dumps({"error": {"message": said}}).encode())
                if fault == "logprobs" and "logprobs" in body:
                    said = "You are not allowed to request logprobs from this model"
                    return self.reply(403, json.dumps({"error": {"message": said, "param": None}}).encode())
                if fault and fault.startswith("top "):
                    said = f"top_logprobs: at most {fault[4:]} are allowed"
                    return self.reply(400, json.dumps({"error": {"message": said}}).encode())
                if "max_completion_tokens" in body:
                    body["max_tokens"] = body.pop("max_completion_tokens")
                if fault == "refused":
                    proxy.leave(0.2)
                if fault in ("drop", "refused"):
                    return self.close_connection
                if fault == "slow":
                    time.sleep(late)
                try:
                    said = json.loads(self.pass_on(body))
                except urllib.error.HTTPError as error:
                    return self.reply(error.code, error.read())
                usage = [said["usage"][name] for name in ("prompt_tokens", "completion_tokens")]
                with proxy.lock:
                    proxy.generated = [a + b for a, b in zip(proxy.generated, usage, strict=True)]
                if fault in ("empty", "wrong"):
                    said["choices"][0]["message"]["content"] = "" if fault == "empty" else proxy.content
                if fault == "schema":
                    del said["choices"], said["usage"]
                answer = json.dumps(said).encode()
                half = answer[: len(answer) // 2]
                if fault == "cut":
                    return self.reply(200, half)
                if fault in ("short", "stall"):
                    self.reply(200, half, length=len(answer))
                    return time.sleep(late if fault == "stall" else 0)
                if fault in (None, "dribble", "max_tokens", "logprobs"):
                    with proxy.lock:
                        proxy.done[json.dumps(body["messages"])] += 1
                        proxy.tokens = [a + b for a, b in zip(proxy.tokens, usage, strict=True)]
                if fault == "dribble":
                    self.reply(200, b"", length=len(answer))
                    for k in range(0, len(answer), 100):
                        self.wfile.write(answer[k : k + 100])
                        self.wfile.flush()
                        time.sleep(0.1)
                    return None
                return self.reply(200, answer)

            def pass_on(self, body):
                given = json.dumps(body).encode()
                request = urllib.request.Request(
                    f"{proxy.server}{self.path}", given, {"Content-Type": "application/json"}
                )
                return urllib.request.urlopen(request).read()

            def reply(self, status, body, headers=None, length=None):
                try:
                    self.send_response(status)
                    for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(length or len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                    self.wfile.flush()
                except OSError:
                    pass  # the client no longer waits

        self.handler, self.leaving = Handler, threading.Lock()
        self.listen(0)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/v1"

    def listen(self, port):
        self.http = ThreadingHTTPServer(("127.0.0.1", port), self.handler)
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()

    def leave(self, seconds):
        """Refuse every connection for some seconds; what is under way goes on."""
        with self.leaving:
            self.http.shutdown()
            self.http.server_close()
            time.sleep(seconds)
            self.listen(self.http.server_address[1])
