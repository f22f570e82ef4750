#!/usr/bin/env python3
"""cloud-init/install.py, which fetches nodeboot on a new instance, against servers that misbehave."""

import contextlib
import datetime
import hashlib
import hmac
import http.server
import importlib.util
import io
import json
import os
import pathlib
import socket
import tempfile
import threading
import unittest
import unittest.mock

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "cloud-init/install.py"
BINARY = os.urandom(200_000)
SHA256 = hashlib.sha256(BINARY).hexdigest()
KEYS = {"AccessKeyId": "ASIAEXAMPLEEXAMPLE00", "SecretAccessKey": "secret/" + "k" * 33, "Token": "session/" + "t" * 40}


class Stop(Exception):
    """Raised instead of sleeping when a test has seen enough."""


def hmac256(key, text):
    return hmac.new(key, text.encode(), "sha256").digest()


def signature_problem(request, region):
    """Checks SigV4 as a service does: from the headers that arrived (AWS, "Create a signed AWS API request")."""
    words = request.headers["Authorization"].replace(",", "").split()
    fields = dict(word.split("=", 1) for word in words[1:])
    access_key, day, scope_region, service, end = fields["Credential"].split("/")
    date = request.headers["x-amz-date"]
    if (access_key, day, scope_region, service, end) != (KEYS["AccessKeyId"], date[:8], region, "s3", "aws4_request"):
        return "scope " + fields["Credential"]
    lines = [f"{name}:{request.headers[name].strip()}" for name in fields["SignedHeaders"].split(";")]
    canonical = "\n".join(["GET", request.path, "", *lines, "", fields["SignedHeaders"],
                           hashlib.sha256(b"").hexdigest()])
    scope = fields["Credential"].split("/", 1)[1]
    text = "\n".join([words[0], date, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + KEYS["SecretAccessKey"]).encode()
    for part in (day, region, service, end):
        key = hmac256(key, part)
    return "" if hmac256(key, text).hex() == fields["Signature"] else "signature"


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers from server.answers, one a request, the last one forever: a function of this handler."""

    def do_GET(self):
        self.server.seen.append(self)
        answers = self.server.answers
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        answer(self)

    do_PUT = do_GET

    def log_message(self, *_):
        pass


def good(body=BINARY):
    def answer(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
    return answer


def status(code, body=b"", **headers):
    def answer(handler):
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
    return answer


def cut_off(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(BINARY)))
    handler.end_headers()
    handler.wfile.write(BINARY[:100_000])


def hung_up(handler):
    handler.connection.shutdown(socket.SHUT_RDWR)


class Server(http.server.ThreadingHTTPServer):
    def __init__(self, *answers):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers, self.seen = list(answers), []
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/"


def metadata(role="the-role", keys=KEYS, fail_first=0):
    """The metadata service, strict about its token; the role's credentials are late by `fail_first` requests."""
    late = [fail_first]

    def answer(handler):
        if handler.command == "PUT":
            asked = handler.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
            return (good(b"imds-token") if handler.path.endswith("/api/token") and asked.isdigit() else status(400))(
                handler)
        if handler.headers.get("X-aws-ec2-metadata-token") != "imds-token":
            return status(401)(handler)
        where = handler.path.partition("/meta-data/iam/security-credentials/")[2]
        if where == "" and late[0] > 0:
            late[0] -= 1
            return status(404)(handler)
        return {"": good(role.encode()), role: good(json.dumps(keys).encode())}.get(where, status(404))(handler)
    return answer


class InstallTest(unittest.TestCase):
    def setUp(self):
        spec = importlib.util.spec_from_file_location("install", SCRIPT)
        self.script = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.script)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        for name, path in (("SOURCE", "source"), ("TARGET", "bin/nodeboot"), ("DONE", "lib/installed"),
                           ("CONSOLE", "console")):
            setattr(self.script, name, str(self.root / path))
        self.slept = []
        self.out = io.StringIO()

    def serve(self, *answers):
        server = Server(*answers)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server

    def run_script(self, url, sha256=SHA256, most_sleeps=20, **more):
        lines = [f"url={url}", f"sha256={sha256}"] + [f"{name}={value}" for name, value in more.items()]
        (self.root / "source").write_text("# comment=ignored\n" + "\n".join(lines) + "\n")

        def sleep(seconds):
            self.slept.append(seconds)
            if len(self.slept) >= most_sleeps:
                raise Stop

        with unittest.mock.patch.object(self.script.time, "sleep", sleep), \
                unittest.mock.patch.object(self.script.signal, "signal"), contextlib.redirect_stdout(self.out), \
                contextlib.suppress(Stop):
            self.script.main()

    def console(self):
        path = self.root / "console"
        return path.read_bytes().decode() if path.exists() else ""

    @property
    def target(self):
        return self.root / "bin/nodeboot"

    def assert_installed(self):
        self.assertEqual(self.target.read_bytes(), BINARY)
        self.assertEqual(self.target.stat().st_mode & 0o7777, 0o755)
        self.assertEqual(os.listdir(self.target.parent), ["nodeboot"])
        self.assertRegex(self.console(), rf"nodeboot: \S+Z installed sha256={SHA256}\r\n")

    def test_it_is_fetched_checked_and_put_in_place(self):
        self.run_script(self.serve(good()).url)
        self.assert_installed()
        self.assertEqual(self.slept, [])

    def test_a_second_run_asks_nobody(self):
        server = self.serve(good())
        self.run_script(server.url)
        self.run_script(server.url)
        self.assertEqual(len(server.seen), 1)

    def test_an_upgrade_by_hand_survives_a_reboot(self):
        server = self.serve(good())
        self.run_script(server.url)
        self.target.write_bytes(b"newer")
        self.run_script(server.url)
        self.assertEqual((self.target.read_bytes(), len(server.seen)), (b"newer", 1))

    def test_another_one_in_the_image_gives_way(self):
        self.target.parent.mkdir()
        self.target.write_bytes(b"baked")
        self.run_script(self.serve(good()).url)
        self.assert_installed()

    def test_the_right_one_in_the_image_is_not_fetched(self):
        self.target.parent.mkdir()
        self.target.write_bytes(BINARY)
        server = self.serve(good())
        self.run_script(server.url)
        self.assertEqual(server.seen, [])
        self.assertIn("installed sha256=", self.console())

    def test_what_passes_by_itself_is_tried_again_and_said_once(self):
        self.run_script(self.serve(status(503), status(503), hung_up, cut_off, good()).url)
        self.assert_installed()
        self.assertEqual(len(self.slept), 4)
        self.assertEqual(self.console().count('error="127.0.0.1 answered 503"'), 1)
        self.assertEqual(self.console().count("install-retry"), 3)
        self.assertIn("broke off after 100000 bytes", self.console())

    def test_a_half_fetched_file_of_a_killed_run_is_no_obstacle(self):
        self.target.parent.mkdir()
        (self.target.parent / "nodeboot.part").write_bytes(b"x" * 300_000)
        self.run_script(self.serve(good()).url)
        self.assert_installed()

    def test_a_wrong_sha256_is_refused_until_the_right_file_is_there(self):
        server = self.serve(good(b"evil"), good())
        self.run_script(server.url, most_sleeps=1)
        self.assertEqual(os.listdir(self.target.parent), [])
        evil = hashlib.sha256(b"evil").hexdigest()
        self.assertIn(f"install-failed reason=sha256-mismatch url={server.url} expected={SHA256} got={evil}\r\n",
                      self.console())
        self.assertGreaterEqual(self.slept[0], 60)
        self.run_script(server.url)
        self.assert_installed()

    def test_a_file_without_an_end_is_given_up(self):
        self.script.LARGEST = 100_000
        self.run_script(self.serve(good()).url, most_sleeps=1)
        self.assertIn("too large or too slow", self.console())
        self.assertEqual(os.listdir(self.target.parent), [])

    def test_after_a_while_it_says_that_it_failed_and_goes_on(self):
        self.script.PATIENCE = 0
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            self.run_script(f"http://127.0.0.1:{closed.getsockname()[1]}/", most_sleeps=5)
        self.assertEqual(self.console().count("install-failed reason=unreachable"), 1)
        self.assertIn("Connection refused", self.console())
        self.assertEqual(len(self.slept), 5)

    def test_waits_grow_to_ten_seconds(self):
        self.run_script(self.serve(status(404)).url, most_sleeps=200)
        self.assertLessEqual(max(self.slept), 10)
        self.assertLess(max(self.slept[:3]), 2.1)
        self.assertGreater(max(self.slept), 5)

    def test_a_redirect_to_plain_http_is_not_followed(self):
        other = self.serve(good())
        self.run_script(self.serve(status(302, Location=other.url)).url, most_sleeps=1)
        self.assertEqual(other.seen, [])
        self.assertIn("redirected to " + other.url, self.console())

    # ---- S3

    def s3(self, *answers, imds=None):
        service = self.serve(imds or metadata())
        self.script.IMDS = service.url + "latest/"
        server = self.serve(*answers)
        self.run_script(server.url + "bucket/some%20key", s3_region="eu-central-1")
        return server

    def assert_no_secret_was_shown(self):
        for shown in (self.console(), self.out.getvalue()):
            for secret in (KEYS["SecretAccessKey"], KEYS["Token"], "imds-token"):
                self.assertNotIn(secret, shown)

    def test_an_object_is_fetched_with_the_roles_signature(self):
        server = self.s3(good())
        self.assert_installed()
        request = server.seen[0]
        self.assertEqual(signature_problem(request, "eu-central-1"), "")
        self.assertEqual(request.headers["x-amz-security-token"], KEYS["Token"])
        self.assertEqual(request.path, "/bucket/some%20key")
        self.assert_no_secret_was_shown()

    def test_late_credentials_and_a_fresh_role_are_waited_for(self):
        denied = status(403, b"<Error><Code>AccessDenied</Code><StringToSign>x</StringToSign></Error>")
        self.s3(denied, good(), imds=metadata(fail_first=2))
        self.assert_installed()
        self.assertIn('error="127.0.0.1 answered 404"', self.console())
        self.assertIn('error="127.0.0.1 answered 403 AccessDenied"', self.console())
        self.assertNotIn("StringToSign", self.console())
        self.assert_no_secret_was_shown()

    def test_a_wrong_clock_is_made_up_for(self):
        ahead = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=3)
        skewed = status(403, b"<Code>RequestTimeTooSkewed</Code>")

        def answer(handler):
            handler.date_time_string = lambda *_: ahead.strftime("%a, %d %b %Y %H:%M:%S GMT")
            skewed(handler)
        server = self.s3(answer, good())
        self.assert_installed()
        when = datetime.datetime.strptime(server.seen[1].headers["x-amz-date"], "%Y%m%dT%H%M%SZ")
        self.assertLess(abs((ahead.replace(tzinfo=None) - when).total_seconds()), 60)
        self.assertEqual(signature_problem(server.seen[1], "eu-central-1"), "")

    def test_a_signed_request_is_not_led_elsewhere(self):
        other = self.serve(good())
        self.script.TIMEOUT = 1
        for location in (other.url, other.url.replace("http:", "https:")):
            service = self.serve(metadata())
            self.script.IMDS = service.url + "latest/"
            self.run_script(self.serve(status(307, Location=location)).url, most_sleeps=1, s3_region="eu-central-1")
            self.slept.clear()
            self.assertIn("redirected to " + location, self.console())
        self.assertEqual(other.seen, [])

    def test_credentials_that_make_no_sense_are_not_shown(self):
        self.s3(good(), imds=metadata(keys=KEYS | {"Token": KEYS["Token"] + "\n"}))
        self.assertIn("an answer that makes no sense", self.console())
        self.assert_no_secret_was_shown()


if __name__ == "__main__":
    unittest.main()
