"""Raw samples: everything a summary was computed from, compressed, named by its digest.

They lie in `.groundspeed/samples/`, outside git. The committed summary keeps the digest, so it
says which samples it rests on, and whoever has them can compute every figure again.
"""

import gzip
import json
import zlib
from contextlib import suppress
from pathlib import Path

from groundspeed.validation.records import digests
from groundspeed.validation.records.atomic import write_atomic
from groundspeed.validation.records.errors import BrokenRecord

FOLDER = digests.ROOT / ".groundspeed" / "samples"


def place(digest: str) -> Path:
    return FOLDER / f"{digest}.json.gz"


def keep(value: object) -> str:
    """Write the samples down; their digest. A full disk costs the samples and nothing else."""
    data = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    digest = digests.of_bytes(data)[:32]
    if not place(digest).exists():
        with suppress(OSError):
            write_atomic(place(digest), gzip.compress(data, mtime=0))
    return digest


def load(digest: str) -> object:
    """The samples of that digest.

    Raises:
        FileNotFoundError: they are not on this machine.
        BrokenRecord: the file holds something else.
    """
    return unpacked(place(digest).read_bytes(), digest)


def unpacked(packed: bytes, digest: str) -> object:
    """What a file of that name holds.

    Raises:
        BrokenRecord: it is not what its name says.
    """
    path = place(digest)
    try:
        data = gzip.decompress(packed)
    except (OSError, EOFError, zlib.error) as error:
        raise BrokenRecord(f"{path} cannot be read ({error}); delete it") from None
    if digests.of_bytes(data)[:32] != digest:
        raise BrokenRecord(f"{path} was edited: it is not what its name says; delete it")
    return json.loads(data)
