"""The lab's AWS: `python -m lab.cloud.main FOLDER`, with the Python of the AWS tree. `handle.py` starts it.

FOLDER/cloud.json says what is wanted; FOLDER/cloud.sock takes control calls; FOLDER/cloud.ready appears when it serves.
"""
from __future__ import annotations

import json
import os
import signal
import ssl
import sys
import threading
from pathlib import Path

from .. import control
from ..paths import write_file
from ..serve import Server


def main(folder: Path) -> int:
    wanted = json.loads((folder / "cloud.json").read_text())
    # Before moto is imported: it reads its settings once. Of its thousands of images we want none but our own.
    from . import images
    write_file(folder / "amis.json", json.dumps(images.catalogue()))
    os.environ |= {"MOTO_AMIS_PATH": str(folder / "amis.json"), "MOTO_ENABLE_AMI_VALIDATION": "true",
                   "MOTO_ENABLE_KEYPAIR_VALIDATION": "true", "MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION": "true",
                   "MOTO_IAM_LOAD_MANAGED_POLICIES": "true"}
    from .cloud import Cloud
    from .front import CloudHandler
    cloud = Cloud(folder, wanted)
    servers = []
    for one in wanted["listen"]:
        context = None
        if one["tls"]:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(one["certificate"], one["key"])
        server = Server((one["address"], one["port"]), CloudHandler, cloud, context)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
    control_server = control.serve(folder / "cloud.sock", cloud)
    write_file(folder / "cloud.ready", json.dumps({"ports": [server.server_address[1] for server in servers]}))
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    control_server.shutdown()
    return 0


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    sys.exit(main(Path(sys.argv[1])))
