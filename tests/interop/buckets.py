"""The bucket side: files as the store holds them, seen without the gateway."""

import concurrent.futures
import hashlib
from pathlib import Path


def digest(pieces):
    """SHA-256 of an iterable of bytes, in hex."""
    sha = hashlib.sha256()
    for piece in pieces:
        sha.update(piece)
    return sha.hexdigest()


def digest_of_file(path):
    with open(path, "rb") as file:
        return digest(iter(lambda: file.read(1 << 20), b""))


class FolderBucket:
    """A folder of plain files: the local store, or what sshd serves."""

    has_odd_keys = False

    def __init__(self, root):
        self.root = Path(root)

    def find(self, name):
        """Where the one file of that name lies: (folder of it relative to the root, as a key)."""
        found = [path for path in self.root.rglob(name) if path.is_file()]
        if len(found) != 1:
            raise LookupError(f"{name}: {len(found)} files of that name below {self.root}")
        return str(found[0].parent.relative_to(self.root))

    def below(self, key):
        return FolderBucket(self.root / key)

    def write(self, key, content):
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def write_many(self, contents):
        for key, content in contents.items():
            self.write(key, content)

    def digest(self, key):
        """SHA-256 of a file, or None where there is none."""
        path = self.root / key
        return digest_of_file(path) if path.is_file() else None

    def digests(self, key):
        """Every file below a folder, with its SHA-256."""
        base = self.root / key
        files = (path for path in base.rglob("*") if path.is_file())
        return {str(path.relative_to(base)): digest_of_file(path) for path in files}

    def make_directory(self, key):
        (self.root / key).mkdir(parents=True)

    def remove(self, key):
        (self.root / key).unlink()

    def has_directory(self, key):
        return (self.root / key).is_dir()


class S3Bucket:
    """A bucket and a prefix, through boto3."""

    has_odd_keys = True

    def __init__(self, client, bucket, prefix=""):
        self.client, self.bucket, self.prefix = client, bucket, prefix

    def find(self, name):
        found = [key for key in self.keys("") if key.rsplit("/", 1)[-1] == name]
        if len(found) != 1:
            raise LookupError(f"{name}: {len(found)} keys of that name in {self.bucket}")
        return found[0][: -len(name)].rstrip("/")

    def below(self, key):
        return S3Bucket(self.client, self.bucket, f"{self.prefix}{key}/" if key else self.prefix)

    def write(self, key, content):
        self.client.put_object(Bucket=self.bucket, Key=self.prefix + key, Body=content)

    def write_many(self, contents):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda item: self.write(*item), contents.items()))

    def digest(self, key):
        try:
            answer = self.client.get_object(Bucket=self.bucket, Key=self.prefix + key)
        except self.client.exceptions.NoSuchKey:
            return None
        return digest(answer["Body"].iter_chunks(1 << 20))

    def digests(self, key):
        keys = [found for found in self.keys(key + "/") if not found.endswith("/")]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            return dict(zip([found[len(key) + 1:] for found in keys], pool.map(self.digest, keys)))

    def make_directory(self, key):
        self.write(key + "/", b"")

    def remove(self, key):
        self.client.delete_object(Bucket=self.bucket, Key=self.prefix + key)

    def has_directory(self, key):
        return next(self.keys(key + "/"), None) is not None

    def keys(self, prefix):
        """Every key with that prefix, without this bucket's own."""
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=self.prefix + prefix
        )
        for page in pages:
            for entry in page.get("Contents", []):
                yield entry["Key"][len(self.prefix):]
