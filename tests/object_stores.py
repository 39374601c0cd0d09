"""S3 and Azure on this machine: moto in a thread, azurite in a process; no account is needed."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from contextlib import closing, contextmanager
from pathlib import Path

from tests.spark_sessions import free_port

BUCKET = "lake"
_ACCOUNT = "devstoreaccount1"  # azurite's own account and key, which its documentation prints
_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@contextmanager
def s3_server():
    """Yield the environment in which s3fs and deltalake find a server with one bucket."""
    import boto3
    from moto.server import ThreadedMotoServer

    port = free_port()
    server = ThreadedMotoServer("127.0.0.1", port, verbose=False)
    server.start()
    said = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ALLOW_HTTP": "true",
        "AWS_S3_ALLOW_UNSAFE_RENAME": "true",
    }
    before = {name: os.environ.get(name) for name in said}
    os.environ.update(said)
    try:
        boto3.client("s3").create_bucket(Bucket=BUCKET)
        yield f"s3://{BUCKET}"
    finally:
        server.stop()
        _restore(before)


def azurite() -> str | None:
    """Return the program of the Azure emulator, or None."""
    own = Path(__file__).resolve().parents[1] / ".azurite/node_modules/.bin/azurite-blob"
    return str(own) if own.exists() else shutil.which("azurite-blob")


@contextmanager
def azure_server(folder: Path):
    """Yield the address of a container that adlfs and deltalake reach by the environment."""
    import socket

    from azure.storage.blob import BlobServiceClient

    port = free_port()
    home = f"http://127.0.0.1:{port}/{_ACCOUNT}"
    command = [azurite(), "--silent", "--disableTelemetry", "--skipApiVersionCheck"]
    command += ["--blobPort", str(port), "--location", str(folder)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    connection = f"DefaultEndpointsProtocol=http;AccountName={_ACCOUNT};AccountKey={_KEY};BlobEndpoint={home};"
    said = {
        "AZURE_STORAGE_CONNECTION_STRING": connection,
        "AZURE_STORAGE_ACCOUNT_NAME": _ACCOUNT,
        "AZURE_STORAGE_ACCOUNT_KEY": _KEY,
        "AZURE_ENDPOINT": home,
        "AZURE_ALLOW_HTTP": "true",
    }
    before = {name: os.environ.get(name) for name in said}
    os.environ.update(said)
    try:
        for _ in range(240):
            with closing(socket.socket()) as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.5)
        BlobServiceClient.from_connection_string(connection).create_container(BUCKET)
        yield f"abfs://{BUCKET}"
    finally:
        server.terminate()
        server.wait(timeout=30)
        _restore(before)


def _restore(before: dict[str, str | None]) -> None:
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
