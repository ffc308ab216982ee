"""What may be in model.tar.gz."""

import io
import tarfile

import pytest
from embedded_aws import archive
from embedded_aws.archive import ArchiveError


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
    monkeypatch.setattr(archive, "MAX_BYTES", 10)
    with pytest.raises(ArchiveError, match="larger than its limits"):
        archive.unpack(packed((tarfile.TarInfo("big"), b"x" * 11)), tmp_path)


@pytest.mark.parametrize("cut", [0, 10, -5])
def test_refuses_a_truncated_archive(tmp_path, cut, packed):
    """An archive that ends too early is refused."""
    path = packed((tarfile.TarInfo("a"), bytes(range(256)) * 50))
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ArchiveError):
        archive.unpack(path, tmp_path)
