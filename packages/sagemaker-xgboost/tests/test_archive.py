"""What may be in model.tar.gz."""

import gzip
import io
import tarfile
import tracemalloc

import pytest
from sagemaker_xgboost import archive
from sagemaker_xgboost.archive import ArchiveError

ZEROS = bytes(1024**2)


@pytest.fixture
def packed(tmp_path_factory):
    """Give a function that packs members that may be anything."""
    path = tmp_path_factory.mktemp("packed") / "model.tar.gz"

    def pack(*members):
        with tarfile.open(path, mode="w:gz") as tar:
            for member, data in members:
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
        return path

    return pack


def link(name, target, kind):
    """Make a link."""
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def test_unpacks_what_was_packed(tmp_path):
    """The files of a folder come back, with those of its folders."""
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "folder").mkdir(parents=True)
    (source / "xgboost-model").write_bytes(b"model")
    (source / "folder" / "other").write_bytes(b"other")
    assert archive.pack([source], tmp_path / "packed")
    archive.unpack(tmp_path / "packed", target)
    assert (target / "folder" / "other").read_bytes() == b"other"
    assert (target / "xgboost-model").read_bytes() == b"model"


def test_packs_nothing_from_an_empty_folder(tmp_path):
    """Without files there is no archive."""
    assert not archive.pack([tmp_path], tmp_path / "packed")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "member",
    [
        tarfile.TarInfo("/absolute"),
        tarfile.TarInfo("../outside"),
        tarfile.TarInfo("a/../../outside"),
        link("link", "/etc/passwd", tarfile.SYMTYPE),
        link("link", "other", tarfile.LNKTYPE),
        link("pipe", "", tarfile.FIFOTYPE),
    ],
)
def test_refuses_what_could_lead_outside(member, tmp_path, packed):
    """Absolute paths, paths upwards, links and devices write nothing outside."""
    folder = tmp_path / "folder"
    folder.mkdir()
    try:
        archive.unpack(packed((member, b"")), folder)
    except ArchiveError:
        assert list(folder.iterdir()) == []
    assert list(tmp_path.iterdir()) == [folder]


def test_refuses_a_bomb(tmp_path, monkeypatch, packed):
    """An archive that would unpack to more than the limit is refused."""
    monkeypatch.setattr(archive, "MAX_BYTES", 10_000)
    with pytest.raises(ArchiveError, match="larger than its limits"):
        archive.unpack(packed((tarfile.TarInfo("big"), b"x" * 11_000)), tmp_path)


@pytest.mark.parametrize("cut", [0, 10, -5])
def test_refuses_a_truncated_archive(tmp_path, cut, packed):
    """An archive that ends too early is refused."""
    path = packed((tarfile.TarInfo("a"), bytes(range(256)) * 50))
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ArchiveError):
        archive.unpack(path, tmp_path)


@pytest.fixture(scope="module")
def bomb():
    """Pack so many zeros as one member, or as the header of one."""

    def pack(kind, size):
        member = tarfile.TarInfo("xgboost-model")
        member.type, member.size = kind, size
        packed = io.BytesIO()
        with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1) as plain:
            plain.write(member.tobuf())
            for _ in range(size // len(ZEROS)):
                plain.write(ZEROS)
        return packed.getvalue()

    return pack


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.XGLTYPE])
def test_a_small_archive_takes_little_memory(bomb, kind, tmp_path):
    """Many zeros go to the disk, not into memory, as member or as header of one."""
    packed = bomb(kind, 48 * len(ZEROS))
    assert len(packed) < len(ZEROS)
    (tmp_path / "packed").write_bytes(packed)
    (tmp_path / "folder").mkdir()
    tracemalloc.start()
    with pytest.raises(ArchiveError, match="larger than its limits"):
        archive.read_member(packed, "xgboost-model")
    if kind == tarfile.REGTYPE:
        archive.unpack(tmp_path / "packed", tmp_path / "folder")
    else:
        with pytest.raises(ArchiveError, match="larger than its limits"):
            archive.unpack(tmp_path / "packed", tmp_path / "folder")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 32 * len(ZEROS)


def test_reads_one_member(packed):
    """Of several, without unpacking them."""
    members = [(tarfile.TarInfo(name), name.encode()) for name in ("a", "./b", "c/b")]
    content = packed(*members).read_bytes()
    assert archive.read_member(content, "a") == b"a"
    assert archive.read_member(content, "b") == b"./b"


@pytest.mark.parametrize(
    "member", [(tarfile.TarInfo("a"), b""), (tarfile.TarInfo("b"), b"x")]
)
def test_a_member_that_is_empty_or_missing_is_named(packed, member):
    """XGBoost would end the process at an empty one."""
    with pytest.raises(ArchiveError, match="it has no a, or an empty one"):
        archive.read_member(packed(member).read_bytes(), "a")


@pytest.mark.parametrize(
    "content",
    [b"", b"text", gzip.compress(b"text" * 1000)],
    ids=["empty", "text", "no tar"],
)
def test_what_is_no_archive_is_refused(content):
    """Neither an empty file nor one that is packed otherwise."""
    with pytest.raises(ArchiveError):
        archive.read_member(content, "a")
