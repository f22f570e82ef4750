#!/usr/bin/python3
"""Puts the nodeboot that /etc/nodeboot/binary names (url, sha256, s3_region) at /usr/local/bin/nodeboot.

Started by nodeboot.service. Ends when that nodeboot is there, however long it takes: what can pass by itself is tried
again, and what does not match its sha256 is never put in place. Once it was installed, what stands there is left
alone: an upgrade by hand survives a reboot. With s3_region the request is signed with the instance's role.
"""
import datetime, hashlib, hmac, http.client, json, os, random, re, signal, sys, time
import urllib.error, urllib.parse, urllib.request

SOURCE, TARGET, DONE = "/etc/nodeboot/binary", "/usr/local/bin/nodeboot", "/usr/local/lib/nodeboot/installed"
CONSOLE, IMDS = "/dev/console", "http://169.254.169.254/latest/"
TIMEOUT, TOO_SLOW, PATIENCE, REFUSED_WAIT = 15, 300, 900, 300  # seconds
LARGEST = 256 << 20


class Direct(urllib.request.HTTPRedirectHandler):
    """Leads a download to https only, and a signed request or one with a token nowhere."""
    def redirect_request(self, request, *where):
        new = super().redirect_request(request, *where)
        if new and new.full_url.startswith("https://") and not request.has_header("Authorization"):
            return new
        raise OSError("redirected to " + where[-1])


class Mismatch(Exception):
    pass


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def say(text):
    line = "nodeboot: %s %s" % (now().strftime("%Y-%m-%dT%H:%M:%SZ"), text)
    print(line, flush=True)
    try:
        with open(CONSOLE, "a") as console:
            console.write(line + "\r\n")
    except OSError:
        pass


def imds(path, method="GET", **headers):
    headers = {"X-aws-ec2-metadata-token" + name: value for name, value in headers.items()}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(IMDS + path, method=method, headers=headers), timeout=5) as answer:
        return answer.read().decode()


def role_credentials():
    token = imds("api/token", "PUT", **{"-ttl-seconds": "300"})
    base = "meta-data/iam/security-credentials/"
    role = imds(base, **{"": token}).split()
    return json.loads(imds(base + (role or [""])[0], **{"": token}))


def sign(request, region, skew):
    """Signature version 4 of a GET without a body; the URL's path is encoded already."""
    keys = role_credentials()
    url, when = urllib.parse.urlsplit(request.full_url), (now() + skew).strftime("%Y%m%dT%H%M%SZ")
    headers = {"host": url.netloc, "x-amz-content-sha256": hashlib.sha256().hexdigest(), "x-amz-date": when,
               "x-amz-security-token": keys["Token"]}
    names, scope = ";".join(headers), "/".join((when[:8], region, "s3", "aws4_request"))
    canonical = "\n".join(["GET", url.path or "/", url.query, *("%s:%s" % pair for pair in headers.items()), "", names,
                           headers["x-amz-content-sha256"]])
    text = "\n".join(["AWS4-HMAC-SHA256", when, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + keys["SecretAccessKey"]).encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), "sha256").digest()
    signature = hmac.new(key, text.encode(), "sha256").hexdigest()
    for name, value in headers.items():
        request.add_header(name, value)
    request.add_header("Authorization", "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s"
                       % (keys["AccessKeyId"], scope, names, signature))


def fetch(want, skew, to):
    request = urllib.request.Request(want["url"], headers={"User-Agent": "nodeboot-install"})
    if want.get("s3_region"):
        sign(request, want["s3_region"], skew)
    digest, got, began = hashlib.sha256(), 0, time.monotonic()
    with urllib.request.build_opener(Direct).open(request, timeout=TIMEOUT) as answer, open(to, "wb") as out:
        while chunk := answer.read(1 << 16):
            got += len(chunk)
            if got > LARGEST or time.monotonic() - began > TOO_SLOW:
                raise OSError("too large or too slow: %d bytes in %d s" % (got, time.monotonic() - began))
            digest.update(chunk)
            out.write(chunk)
        if answer.length:  # what Content-Length announced and did not come
            raise OSError("broke off after %d bytes" % got)
        os.fchmod(out.fileno(), 0o755)
        out.flush()
        os.fsync(out.fileno())
    if digest.hexdigest() != want["sha256"]:
        raise Mismatch(digest.hexdigest())


def read(path):
    with open(path, "rb") as file:
        return file.read()


def reason(error):
    """For a person. Of S3's answers only the code: the rest quotes the request, and so does Python's ValueError."""
    if isinstance(error, urllib.error.HTTPError):
        code = re.search(rb"<Code>(\w+)</Code>", error.read(4096))
        return "%s answered %d%s" % (urllib.parse.urlsplit(error.url).hostname, error.code,
                                     " " + code[1].decode() if code else "")
    if isinstance(error, (ValueError, KeyError)):
        return "an answer that makes no sense (%s)" % type(error).__name__
    return str(getattr(error, "reason", "") or error) or type(error).__name__


def clock_error(error):
    """By how much the clock is wrong, where that is why S3 refused."""
    if getattr(error, "code", 0) == 403 and error.headers.get("Date"):
        off = datetime.datetime.strptime(error.headers["Date"], "%a, %d %b %Y %H:%M:%S %Z")
        off = off.replace(tzinfo=datetime.timezone.utc) - now()
        if abs(off.total_seconds()) > 240:
            return off
    return datetime.timedelta()


def install(want):
    part, said, failed, skew = TARGET + ".part", "", False, datetime.timedelta()
    began, attempt = time.monotonic(), 0
    while True:
        try:
            fetch(want, skew, part)
            os.replace(part, TARGET)
            return
        except Mismatch as got:
            os.unlink(part)
            say('install-failed reason=sha256-mismatch url=%s expected=%s got=%s' % (want["url"], want["sha256"], got))
            time.sleep(REFUSED_WAIT)
            continue
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            skew, why = clock_error(error), reason(error).replace('"', "'")[:200]
        if os.path.exists(part):
            os.unlink(part)
        if why != said:
            said = why
            say('install-retry url=%s error="%s"' % (want["url"], why))
        if time.monotonic() - began > PATIENCE and not failed:
            failed = True
            say('install-failed reason=unreachable url=%s error="%s"' % (want["url"], why))
        attempt += 1
        time.sleep(random.uniform(0.1, min(60 if failed else 10, 2 ** min(attempt, 10) / 4)))


def main():
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    want = dict(line.split("=", 1) for line in read(SOURCE).decode().splitlines() if "=" in line and line[0] != "#")
    there = os.path.exists(TARGET)
    if there and os.path.exists(DONE) and read(DONE).decode().strip() == want["sha256"]:
        return
    if not (there and hashlib.sha256(read(TARGET)).hexdigest() == want["sha256"]):
        os.makedirs(os.path.dirname(TARGET), exist_ok=True)
        install(want)
    os.makedirs(os.path.dirname(DONE), exist_ok=True)
    with open(DONE, "w") as file:
        file.write(want["sha256"] + "\n")
    say("installed sha256=" + want["sha256"])


if __name__ == "__main__":
    sys.exit(main())
